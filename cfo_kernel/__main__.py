"""`python -m cfo_kernel`, the same as the `cfo` command."""

from cfo_kernel.cli import main

if __name__ == "__main__":
    main()
