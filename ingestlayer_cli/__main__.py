"""The console script. Ctrl-C may come while the program is loaded, or is said to be stopped: it leaves quietly then."""


def start() -> None:
    try:
        from .main import main

        main()
    except KeyboardInterrupt:
        import os

        os._exit(130)


if __name__ == "__main__":
    start()
