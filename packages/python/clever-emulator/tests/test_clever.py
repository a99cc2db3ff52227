"""What a project that installed the wheel can do with it."""

import http.server
import json
import subprocess
import threading
import urllib.error
import urllib.request

import clever_emulator
import pytest

pytestmark = pytest.mark.clever("--students", "40")


def test_the_roster_is_served(clever):
    users = clever.get("/v3.1/users?limit=2")
    assert len(users["data"]) == 2
    assert clever.users["student"]
    assert clever.get("/v3.1/me", clever.user_tokens["student"])["data"]["id"] == clever.users["student"]


def test_each_test_has_a_clever_of_its_own_that_misbehaves_on_command(clever):
    clever.fault("rate-limited", path="/users", nth=1)
    with pytest.raises(clever_emulator.EmulatorError, match="429"):
        clever.get("/v3.1/users?limit=2")
    assert clever.get("/v3.1/users?limit=2")["data"]


@pytest.mark.clever("--events")
def test_days_pass_and_things_happen(clever):
    before = clever.get("/v3.1/events")["data"]
    clever.pass_days(2)
    clever.happen("user-split")
    assert len(clever.get("/v3.1/events?limit=1000")["data"]) > len(before)


def test_what_can_not_be_started_says_why():
    with pytest.raises(clever_emulator.EmulatorError, match="no-such-option"):
        clever_emulator.Emulator("--no-such-option")


def test_it_is_gone_when_it_was_stopped():
    with clever_emulator.Emulator("--students", "5") as clever:
        url = clever.base_url
        assert clever.get("/v3.1/districts")["data"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


class _LetsIn(http.server.BaseHTTPRequestHandler):
    """An app that refuses nobody."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_app_is_rehearsed_by_the_same_program(tmp_path):
    app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _LetsIn)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{app.server_port}"
    said = subprocess.run(
        [clever_emulator.program(), "certify", "--json", "--app", url, "--listen", "127.0.0.1:0", "--no-browser"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    app.shutdown()
    report = json.loads(said.stdout)
    assert said.returncode == 1, said.stderr
    assert report["worst"] == "failed" and report["failed"] > 0
    assert (tmp_path / "certify.html").read_text().startswith("<!DOCTYPE html>")
