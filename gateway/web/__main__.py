"""`python -m gateway.web DESCRIPTOR …`: the process that serves pages, as the gateway starts it."""

import sys

from gateway.web.worker import serve

if __name__ == "__main__":
    serve([int(each) for each in sys.argv[1:]])
