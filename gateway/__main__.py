"""The command `stopgate`, also as `python -m gateway`: the little that has to come before anything is imported."""

import os
import signal

_STDERR = 2  # the last of the descriptors that libraries take for standard ones


def main() -> None:
    """Run the command line, interruptible from the first moment on, and with three descriptors that are its own."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(descriptor)
    from gateway import cli  # noqa: PLC0415 (after the above)

    cli.run()


if __name__ == "__main__":
    main()
