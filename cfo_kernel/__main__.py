"""`python -m cfo_kernel`, which is the same as the command `cfo`."""

from cfo_kernel.cli import main

if __name__ == "__main__":
    main()
