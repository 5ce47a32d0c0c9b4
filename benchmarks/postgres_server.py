"""A real PostgreSQL server of Debian's package, in a folder of its own, for as long as a context lasts."""

from collections.abc import Iterator, Sequence
import contextlib
import os
from pathlib import Path
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg
from psycopg import sql

USER = "smart_charging"
_PACKAGE = Path("/usr/lib/postgresql")
_SERVER_USER = "postgres"  # the server refuses to run as root
_START_WITHIN_S = 60.0
_LOOK_S = 0.05

MISSING = "no PostgreSQL server; on Debian install the package postgresql"


class PostgresServer:
    """A server on a free port of 127.0.0.1; its records are flushed to the disk, its defaults are careless otherwise."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """Make the server's files in this folder, which nobody uses yet; nothing runs yet."""
        # Signs that a URL has to say in another way.
        self.password = f"p@ss/{secrets.token_hex(8)}:%"
        self._folder = folder
        self._programs = programs
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        password_file = folder / "password"
        password_file.write_text(self.password, encoding="utf-8")
        if os.geteuid() == 0:
            shutil.chown(folder, _SERVER_USER, _SERVER_USER)
            shutil.chown(password_file, _SERVER_USER, _SERVER_USER)
        access = ("--auth-host=scram-sha-256", "--auth-local=trust", f"--pwfile={password_file}")
        files = (f"--pgdata={folder / 'data'}", "--encoding=UTF8", "--locale=C", "--no-sync")
        made = subprocess.run(
            self._command("initdb", f"--username={USER}", *access, *files), capture_output=True, check=False, cwd=folder
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.decode(errors='replace')}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "on",
            "synchronous_commit": "off",
            "max_connections": 60,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            command = self._command("postgres", "-D", str(self._folder / "data"), *words)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        until = time.monotonic() + _START_WITHIN_S
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the server does not start: {self.log()}") from None
                time.sleep(_LOOK_S)
            else:
                return

    def stop(self, *, at_once: bool = False) -> None:
        """Stop the server in an orderly way, or `at_once` as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(timeout=_START_WITHIN_S)
            self._process = None

    def log(self) -> str:
        """Return what the server logged."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database as a copy of another one that nobody uses, and return its URL."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database, the password in it."""
        quoted = self.password.replace("%", "%25").replace("@", "%40").replace("/", "%2F").replace(":", "%3A")
        return f"postgresql://{USER}:{quoted}@127.0.0.1:{self._port}/{database}"

    def execute(self, statement: sql.SQL | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement outside a transaction and return its rows."""
        with self._connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user=USER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _command(self, program: str, *arguments: str) -> Sequence[str]:
        """Return the command of a program that ends with this process, and runs as the package's user under root."""
        user = [f"--reuid={_SERVER_USER}", f"--regid={_SERVER_USER}", "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig=INT", *user, str(self._programs / program), *arguments]


def programs() -> Path | None:
    """Return the folder of the newest server's programs that is installed, None without any."""
    found = sorted(_PACKAGE.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server until the context ends; RuntimeError where none is installed or it does not start."""
    where = programs()
    if where is None:
        raise RuntimeError(MISSING)
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(Path(folder), where)
        server.start()
        try:
            yield server
        finally:
            server.stop(at_once=True)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
