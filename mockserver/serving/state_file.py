"""The file in which a server keeps its state from one run to the next."""

import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path


class StateFileError(Exception):
    """The file cannot be used; the message says why and what to do."""


class StateFile:
    """A file that one server at a time holds: `with StateFile(path) as file: …; file.write(content)`.

    A symbolic link is followed. Raises StateFileError where no state could be saved, and where another server holds
    the file: it says so in a lock file beside it, which goes when that server ends, however it ends.
    """

    def __init__(self, path: Path):
        self.path = path
        self.target = Path(os.path.realpath(path))
        self._lock_path = self.target.with_name(f".{self.target.name}.lock")
        if not self.target.parent.is_dir():
            raise StateFileError(
                f"{self.target.parent} is no folder, so no state can be saved in it. "
                "Make it, or choose another --state."
            )
        if self.target.exists() and not self.target.is_file():
            raise StateFileError(f"{path} is no file, so no state can be saved in it. Choose another --state.")
        try:
            self._lock = self._held()
            self._sweep()
            os.unlink(self._temporary())  # so that what would fail in the end fails now
        except OSError as error:
            raise StateFileError(
                f"No state can be saved to {path}: {error.strerror} in {self.target.parent}. Choose another --state."
            ) from None

    def __enter__(self) -> "StateFile":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def announce(self, url: str) -> None:
        """Let a second server say who holds the file."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{url} (process {os.getpid()})".encode(), 0)

    def write(self, content: bytes) -> None:
        """Replace what is in the file, keeping its mode. Whoever reads it meanwhile, or after a crash, has the old
        content or the new. OSError."""
        name = self._temporary()
        try:
            with open(name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if self.target.exists():
                os.chmod(name, stat.S_IMODE(self.target.stat().st_mode))
            os.replace(name, self.target)
        except BaseException:
            os.unlink(name)
            raise
        folder = os.open(self.target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let others have the file."""
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)

    def _held(self) -> int:
        while True:
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 200, 0).decode("utf-8", "replace") or "another server"
                os.close(lock)
                raise StateFileError(
                    f"{self.path} is held by {holder}. Stop that server, or choose another --state."
                ) from None
            if self._lock_path.exists() and os.path.samestat(os.fstat(lock), os.stat(self._lock_path)):
                self._lock = lock
                self.announce("another server")
                return lock
            os.close(lock)  # whoever held it has just removed it

    def _temporary(self) -> str:
        handle, name = tempfile.mkstemp(prefix=f".{self.target.name}.", dir=self.target.parent)
        os.close(handle)
        return name

    def _sweep(self) -> None:
        """Remove what a server that was killed while it saved has left."""
        left = re.compile(re.escape(f".{self.target.name}.") + "[a-z0-9_]{8}")
        for path in self.target.parent.iterdir():
            if left.fullmatch(path.name):
                path.unlink(missing_ok=True)
