"""`python -m gateway` is `stopgate`."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="stopgate")
