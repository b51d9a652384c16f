"""An unreachable hub is asked once, and what was set before comes back."""

from __future__ import annotations

import http.server
import threading

import pytest

from farbench.nn import offline


@pytest.mark.parametrize("reachable", [True, False])
def test_the_hub_is_offline_only_where_it_does_not_answer(monkeypatch, reachable):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(offline, "answers", lambda address: reachable)
    with offline.quick_when_offline():
        assert constants.HF_HUB_OFFLINE is not reachable
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_answers_is_there_whatever_it_says(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert offline.answers(f"http://127.0.0.1:{server.server_port}")
        thread.join(10)
    assert not offline.answers(f"http://127.0.0.1:{server.server_port}")
