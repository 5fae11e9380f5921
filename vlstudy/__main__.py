"""`python -m vlstudy` is `vlstudy`."""

from vlstudy.cli import main

if __name__ == "__main__":
    main()
