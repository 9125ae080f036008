"""Run the command line as ``python -m hafailover``."""

from hafailover.cli.main import main

if __name__ == "__main__":
    main()
