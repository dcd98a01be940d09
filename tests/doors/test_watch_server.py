"""The server of the live page alone: whom it answers, what it tells, and that no page can hold it up."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
import time

import pytest
from pages import PATIENCE, Reader, Stuck, get, raw, until

from fastnn.watch import server as server_module
from fastnn.watch.board import Board
from fastnn.watch.server import Handler, Server

MUCH = {"text": "x" * 20_000_000}  # more than all buffers between two sockets hold


@pytest.fixture
def server(monkeypatch):
    """A server on a free port with a board of one message; it does not wait for pages that these tests only ask for."""
    monkeypatch.setattr(server_module, "LOADING", 0.0)
    made = Server(Board(), 0)
    made.board.post("state", {"number": 0})
    yield made
    made.stop()


@pytest.fixture
def impatient(monkeypatch):
    """Requests and writes may take, and pages be left without news, for a moment only."""
    monkeypatch.setattr(Handler, "timeout", 0.3)
    monkeypatch.setattr(server_module, "QUIET", 0.05)


class TestWhoIsAnswered:
    """This machine, by its own name, for two addresses."""

    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
    def test_the_page_is_served_under_its_own_names(self, server, name):
        answer = get(server.port, "/", Host=f"{name}:{server.port}")
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
        assert answer.text.startswith("<!doctype html>")

    @pytest.mark.parametrize("path", ["/", "/events", "/nothing"])
    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:1",
            "127.0.0.1.evil.example:{port}",
        ]
        + ["", "127.0.0.1:{port}, evil.example", "0.0.0.0:{port}", "[::1]:{port}", "user@127.0.0.1:{port}"],
    )
    def test_another_name_is_refused(self, server, path, host):
        answer = get(server.port, path, Host=host.format(port=server.port))
        assert answer.status == 403
        assert "script" not in answer.text

    def test_none_and_two_names_are_refused(self, server):
        own = f"Host: 127.0.0.1:{server.port}\r\n"
        for lines in ("", f"{own}Host: evil.example\r\n", own * 2):
            assert b" 403 " in raw(server.port, f"GET / HTTP/1.1\r\n{lines}\r\n").splitlines()[0]
        assert b" 200 " in raw(server.port, f"GET / HTTP/1.1\r\n{own}\r\n").splitlines()[0]

    def test_another_site_is_refused_and_the_page_itself_is_not(self, server):
        own = f"http://127.0.0.1:{server.port}"
        assert get(server.port, Origin=own).status == 200
        for origin in ("http://evil.example", f"https://127.0.0.1:{server.port}", "null", "http://localhost:1"):
            assert get(server.port, "/", Origin=origin).status == 403
            assert get(server.port, "/events", Origin=origin).status == 403

    @pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    def test_only_get_is_answered(self, server, method):
        for path in ("/", "/events", "/x"):
            answer = get(server.port, path, method)
            assert (answer.status, answer.getheader("Allow")) == (405, "GET")

    def test_a_method_nobody_knows_is_refused(self, server):
        assert get(server.port, "/", "BREW").status == 501

    @pytest.mark.parametrize(
        "path",
        ["/page.html", "/../fastnn/__init__.py", "/etc/passwd", "/?", "/events/", "/events?x", "/%2e%2e/", "/favicon"]
        + ["http://127.0.0.1:{port}/", "http://evil.example/", "*", ".", "page.html"],
    )
    def test_there_are_no_other_addresses(self, server, path):
        request = f"GET {path.format(port=server.port)} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
        assert b" 404 " in raw(server.port, request).splitlines()[0]

    def test_a_request_that_drips_is_cut_off_after_a_total_time(self, server, monkeypatch):
        monkeypatch.setattr(Handler, "timeout", 0.5)
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as drip:
            drip.sendall(b"GET / HTTP/1.1\r\nX-Long: ")

            def cut() -> bool:
                time.sleep(0.05)
                try:
                    drip.sendall(b"x")  # each comes well within the time for one read
                except ConnectionError:
                    return True
                return False

            until(cut)
        assert get(server.port).status == 200

    def test_only_this_machine_reaches_it(self, server):
        assert server.socket.getsockname()[0] == "127.0.0.1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing; tells the address that the world knows us by
            except OSError:
                pytest.skip("this machine has no other address")
            outside = probe.getsockname()[0]
        if outside.startswith("127."):
            pytest.skip("this machine has no other address")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((outside, server.port), 5)


class TestHeaders:
    """What a browser is told to refuse."""

    @pytest.mark.parametrize(("path", "status"), [("/", 200), ("/x", 404), ("/events", 403)])
    def test_every_answer_forbids_all_but_the_page_itself(self, server, path, status):
        answer = get(server.port, path, Host="x" if status == 403 else f"localhost:{server.port}")
        assert answer.status == status
        rules = dict(rule.split(" ", 1) for rule in answer.getheader("Content-Security-Policy").split("; "))
        assert rules.pop("img-src") == "data:"
        assert rules.pop("connect-src") == "'self'"
        for kind in ("script-src", "style-src"):
            assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules.pop(kind))
        assert set(rules) == {"default-src", "base-uri", "form-action", "frame-ancestors"}
        assert set(rules.values()) == {"'none'"}
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Cache-Control") == "no-store"
        assert answer.getheader("Access-Control-Allow-Origin") is None
        assert answer.getheader("Server") == "fastnn"

    def test_the_hashes_are_those_of_the_one_script_and_the_one_style(self, server):
        for tag in ("script", "style"):
            (text,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", server.page.decode(), re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in server.policy

    def test_the_page_names_nothing_elsewhere_and_puts_no_text_in_as_html(self, server):
        page = server.page.decode()
        assert set(re.findall(r"\w+://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
        assert re.findall(r"<[^>]+\b(?:src|href)=[^>]*>", page) == ['<link rel="icon" href="data:,">']
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|@import|url\(", page
        )
        assert not re.search(r"<[^>]+\bstyle=", page)  # the policy forbids it


class TestPort:
    """A port that is busy."""

    def test_the_next_one_is_taken(self, server):
        second = Server(Board(), server.port)
        third = Server(Board(), server.port)
        try:
            assert server.port < second.port < third.port < server.port + server_module.PORTS
            assert get(second.port).status == 200
        finally:
            second.stop()
            third.stop()

    def test_all_busy_is_an_error_that_names_them(self, server, monkeypatch):
        monkeypatch.setattr(server_module, "PORTS", 1)
        with pytest.raises(OSError, match=f"{server.port} to {server.port} are busy"):
            Server(Board(), server.port)

    def test_there_is_none_after_the_last(self, monkeypatch):
        tried = []

        def refuse(self, address, handler):
            tried.append(address)
            raise OSError(server_module.errno.EADDRINUSE, "busy")

        monkeypatch.setattr(server_module.ThreadingHTTPServer, "__init__", refuse)
        with pytest.raises(OSError, match="65530 to 65535 are busy"):
            Server(Board(), 65530)
        assert tried == [("127.0.0.1", port) for port in range(65530, 65536)]

    def test_it_is_free_again_after_the_end(self):
        first = Server(Board(), 0)
        reader = Reader(first.port)
        first.stop()
        second = Server(Board(), first.port)
        assert second.port == first.port
        second.stop()
        reader.close()


class TestEvents:
    """What pages are told."""

    def test_a_page_gets_the_newest_of_each_name_and_then_what_is_new(self, server):
        server.board.post("setup", {"name": "<b>\n\u2028"})
        server.board.post("state", {"number": 1})
        events = Reader(server.port).events()
        assert [next(events) for _ in range(2)] == [("setup", {"name": "<b>\n\u2028"}), ("state", {"number": 1})]
        server.board.post("state", {"number": 2})
        assert next(events) == ("state", {"number": 2})
        server.board.remove("setup")
        assert next(Reader(server.port).events()) == ("state", {"number": 2})

    def test_the_last_message_comes_before_the_end(self, server):
        readers = [Reader(server.port) for _ in range(20)]
        until(lambda: server.board.readers == 20)
        server.board.post("state", {"number": 7})
        server.stop()
        for reader in readers:
            assert list(reader.states())[-1] == {"number": 7}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), PATIENCE)

    def test_a_page_that_was_handed_out_before_the_end_gets_the_last_message(self, server, monkeypatch):
        monkeypatch.setattr(server_module, "LOADING", PATIENCE)
        assert get(server.port).status == 200
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert list(Reader(server.port).states()) == [{"number": 0}]
        stopping.join()

    def test_what_is_no_json_is_not_posted(self, server):
        with pytest.raises(ValueError, match="JSON"):
            server.board.post("state", {"number": float("nan")})
        assert next(Reader(server.port).states()) == {"number": 0}

    def test_a_page_that_is_closed_is_noticed_without_news(self, server, impatient):
        reader, other = Reader(server.port), Reader(server.port)
        until(lambda: server.board.readers == 2)
        reader.close()
        until(lambda: server.board.readers == 1)
        server.board.post("state", {"number": 5})
        assert {"number": 5} in [next(states) for states in [other.states()] for _ in range(2)]

    def test_a_page_that_never_reads_holds_up_nobody(self, server, impatient, monkeypatch):
        monkeypatch.setattr(Handler, "timeout", 2.0)  # the reader below stands still as long on a busy machine
        stuck = [Stuck(server.port) for _ in range(5)]
        until(lambda: server.board.readers == 5)
        server.board.post("much", MUCH)
        reader = Reader(server.port)
        for number in range(300):
            server.board.post("state", {"number": number})
        states = reader.states()
        until(lambda: next(states)["number"] == 299)
        until(lambda: server.board.readers == 1)
        assert get(server.port).status == 200
        for one in stuck:
            one.close()

    def test_the_end_does_not_wait_for_a_page_that_never_reads(self, server, monkeypatch):
        monkeypatch.setattr(Handler, "timeout", 10 * PATIENCE)
        stuck = Stuck(server.port)
        until(lambda: server.board.readers)
        server.board.post("much", MUCH)
        server.stop()
        assert server.board.readers == 1
        stuck.close()

    def test_nothing_may_take_for_ever(self):
        assert 0 < Handler.timeout <= 10

    def test_the_board_closes_after_those_who_read(self):
        board, done = Board(), []

        def read() -> None:
            with board.reading():
                while not board.newer(0, PATIENCE)[2]:
                    pass
                time.sleep(0.05)
                done.append(True)

        reader = threading.Thread(target=read)
        reader.start()
        until(lambda: board.readers)
        board.close(PATIENCE)
        assert done
        reader.join()

    def test_half_a_request_is_given_up(self, server, impatient):
        for text in ("", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"):
            assert raw(server.port, text) == b""
        assert get(server.port).status == 200

    def test_nothing_is_written_to_the_terminal(self, server, impatient, capfd):
        Reader(server.port).close()
        get(server.port, "/x")
        raw(server.port, "nonsense\r\n\r\n")
        stuck = Stuck(server.port)
        server.board.post("much", MUCH)
        until(lambda: not server.board.readers)
        stuck.close()
        assert capfd.readouterr() == ("", "")
