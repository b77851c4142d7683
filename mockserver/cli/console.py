"""How a command ends that did not come to its own end: a sentence, and a status that is none of its results."""

import contextlib
import signal
import sys
import threading

import click

FAILED = 2  # the command could not run; 1 is what `contract` answers when it found something


class Console(click.Group):
    """A group of commands. SIGINT and SIGTERM interrupt one alike, so that it can close what it has open: the status
    is then 130 or 143. What the system refuses, such as a full disk, is said in a sentence, with status 2."""

    def main(self, *args, standalone_mode=True, **kwargs):
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **kwargs)
        received: list[int] = []
        try:
            with _interrupting(received):
                status = super().main(*args, standalone_mode=False, **kwargs)
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except click.Abort:  # click's word for KeyboardInterrupt
            click.echo("Interrupted.", err=True)
            status = 128 + (received[-1] if received else signal.SIGINT)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"Error: {where}{error.strerror or error}.", err=True)
            status = FAILED
        sys.exit(status)


@contextlib.contextmanager
def _interrupting(received: list[int]):
    """Let SIGTERM interrupt like SIGINT, where signals are this thread's to hear."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum, frame):
        received.append(signum)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is interrupt:
            signal.signal(signal.SIGTERM, before)
