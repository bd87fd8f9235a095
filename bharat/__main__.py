"""`python -m bharat` is the `bharat` command."""

from bharat.cli import main

if __name__ == "__main__":
    main()
