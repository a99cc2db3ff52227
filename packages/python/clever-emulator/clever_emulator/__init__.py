"""A Clever on loopback: starts the program that this package brings, and steers it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import urllib.error
import urllib.request
from typing import Any, Mapping, Optional

__all__ = ["Emulator", "EmulatorError", "program"]

# How long a start, a request and an end may take, in seconds.
_PATIENCE = 30.0


class EmulatorError(Exception):
    """The emulator could not be started, or refused what it was asked."""


def program() -> str:
    """The path of the program `clever-emulator`: beside this Python, or on PATH."""
    name = "clever-emulator" + (".exe" if os.name == "nt" else "")
    for folder in (sysconfig.get_path("scripts"), os.path.dirname(sys.executable)):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    found = shutil.which(name)
    if found is None:
        raise EmulatorError(f"{name} is neither beside this Python nor on PATH: install the package again")
    return found


class Emulator:
    """A running emulator. Use it as a context manager, or call `stop`.

    The arguments are those of `clever-emulator --help`.
    """

    def __init__(self, *args: str, env: Optional[Mapping[str, str]] = None) -> None:
        command = [program(), "--listen", "127.0.0.1:0", "--json", *args]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self._said: list[str] = []
        # Else a full pipe would stop it.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(_PATIENCE)
            self._listener.join(_PATIENCE)
            self._process.stdout.close()
            raise EmulatorError("clever-emulator did not start: " + "".join(self._said).strip())
        #: All that it says of itself when it has started.
        self.started: dict[str, Any] = json.loads(line)

    def _listen(self) -> None:
        with self._process.stderr as said:
            self._said.extend(said)

    @property
    def base_url(self) -> str:
        """Where the app under test calls Clever."""
        return self.started["base_url"]

    @property
    def district_token(self) -> Optional[str]:
        """The app's token for the first district."""
        return self.started["district_token"]

    @property
    def client_id(self) -> str:
        """The app's client id."""
        return self.started["client_id"]

    @property
    def client_secret(self) -> str:
        """The app's client secret."""
        return self.started["client_secret"]

    @property
    def users(self) -> dict[str, Optional[str]]:
        """The Clever id of somebody of each role."""
        return self.started["users"]

    @property
    def user_tokens(self) -> dict[str, str]:
        """A token of somebody of each role, as a sign-in gives it."""
        return self.started["user_tokens"]

    def get(self, path: str, token: Optional[str] = None) -> Any:
        """Asks the API, with the district's token if no other is given."""
        return self._ask("GET", self.base_url + path, token or self.district_token)

    def control(self, path: str, body: Optional[Mapping[str, Any]] = None) -> Any:
        """Asks the control API: `POST` with a body, `GET` without. `/_emulator/openapi.json` describes it."""
        method = "GET" if body is None else "POST"
        return self._ask(method, self.started["control"] + path, self.started["control_token"], body)

    def pass_days(self, days: int = 1) -> Any:
        """Lets days of school life pass."""
        return self.control("/days", {"days": days})

    def happen(self, name: str) -> Any:
        """Lets something happen, such as `rollover`."""
        return self.control("/happenings", {"name": name})

    def fault(self, fault: str, **rule: Any) -> Any:
        """Makes answers go wrong, such as `fault("rate-limited", path="/users", nth=3)`."""
        return self.control("/faults", {"fault": fault, **rule})

    def _ask(self, method: str, url: str, token: Optional[str], body: Optional[Mapping[str, Any]] = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        # A proxy of the machine has no way to loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_PATIENCE) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise EmulatorError(f"{method} {url}: {error.code} {said}") from error
        return json.loads(text) if text else None

    def stop(self) -> None:
        """Ends it. Doing so twice does no harm."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        self._listener.join(_PATIENCE)

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
