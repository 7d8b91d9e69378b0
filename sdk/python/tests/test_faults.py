"""What a broken, slow or hostile server says is never a yes."""

import asyncio
import json
import logging
import multiprocessing
import os
import ssl
import threading
import time
import traceback
import unittest
import uuid

import volenti
from tests.edge import NO, TOKEN, YES, Edge, send

ID = str(uuid.UUID(int=7))
ADDRESS = volenti.Identity("email", "canary.5c1d@example.org")
UNAVAILABLE = volenti.Decision(False, "unavailable")


def raw(text):
    """Answers with these bytes, and hangs up."""

    def answer(handler):
        handler.wfile.write(text)
        handler.close_connection = True

    return answer


def head(length, more=b""):
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % length


yes = json.dumps(YES).encode()


class FaultTest(unittest.TestCase):
    def assertUnavailable(self, answer, person=ID, **how):
        """Whatever is asked, in whatever way, the answer is a no; nothing secret or personal is logged or asked by URL."""
        with Edge(answer) as edge, edge.client(**how) as client, self.assertLogs("volenti", logging.DEBUG) as log:
            self.assertEqual(client.allowed(person, "ads"), UNAVAILABLE)
            self.assertEqual(client.check([person] * 2, "ads"), [UNAVAILABLE] * 2)
            self.assertEqual(client.filter([person], "ads"), [])
            self.assertEqual(asyncio.run(client.allowed_async(person, "ads")), UNAVAILABLE)
            with self.assertRaises(volenti.ConsentNotGranted):
                volenti.gate("ads", subject="who", client=client)(lambda who: self.fail("it ran"))(person)
            for secret in (TOKEN, ADDRESS.value, ID):
                self.assertNotIn(secret, str(log.output))
            for _, path, _, _ in edge.asked:
                self.assertNotIn("canary", path)
            return edge

    def test_an_answer_that_is_not_a_clear_yes_is_a_no(self):  # A15
        odd = [
            b"", b"yes", b"true", b"null", b"[]", b"[true]", b'"granted"', b"1", b"{}", b"\xff\xfe", b"{" * 100,
            b"[" * 4000, yes[:-1], yes + yes, b"<html>" + yes,
            {"allowed": True}, {"reason": "granted"}, {"allowed": 1, "reason": "granted"},
            {"allowed": "true", "reason": "granted"}, {"allowed": [True], "reason": "granted"},
            {"allowed": True, "reason": "withdrawn"}, {"allowed": False, "reason": "granted"},
            {"allowed": True, "reason": "Granted"}, {"allowed": True, "reason": ["granted"]},
            {"allowed": True, "reason": None}, {"allowed": False, "reason": "perhaps"}, [YES], {"results": [YES]},
        ]
        for body in odd:
            with self.subTest(body):
                self.assertUnavailable(lambda handler: send(handler, body))

    def test_a_status_other_than_200_is_a_no_whatever_the_body_says(self):  # A15
        for status in (201, 204, 206, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 599):
            with self.subTest(status):
                self.assertUnavailable(lambda handler: send(handler, YES, status))

    def test_redirects_are_not_followed(self):
        with Edge(lambda handler: send(handler, YES)) as other:
            for status in (301, 302, 303, 307, 308):
                self.assertUnavailable(lambda handler: send(handler, YES, status, Location=other.url + handler.path))
            self.assertEqual(other.asked, [])

    def test_an_answer_that_is_cut_or_has_no_end_is_a_no(self):  # A15
        for text in (
            b"", b"\r\n", b"hello\r\n\r\n", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\n" + yes, b"HTTP/1.1 two OK\r\n\r\n" + yes,
            head(len(yes) + 1) + yes, head(len(yes)) + yes[:-1],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(yes) + yes,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + yes,
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"Content-Length: %d\r\n\r\n" % len(yes) + yes,
            head(len(yes), b"A: " + b"b" * 100_000 + b"\r\n") + yes,
        ):
            with self.subTest(text[:60]):
                self.assertUnavailable(raw(text))

    def test_a_huge_answer_is_not_read_to_its_end(self):
        sent = []

        def endless(handler):
            handler.wfile.write(head(10**12) + yes)
            try:
                while True:
                    handler.wfile.write(b" " * 65536)
                    sent.append(65536)
            except OSError:
                handler.close_connection = True

        edge = self.assertUnavailable(endless)
        self.assertLess(sum(sent) / len(edge.asked), 16 << 20)  # what the sockets hold, and no more

    def test_a_server_that_takes_too_long_is_a_no_in_time(self):  # A15
        over = threading.Event()
        self.addCleanup(over.set)

        def silent(handler):
            over.wait()

        def drop_by_drop(handler):
            try:
                for byte in head(4000) + b" " * 4000:
                    handler.wfile.write(bytes([byte]))
                    if over.wait(0.02):
                        return
            except OSError:
                handler.close_connection = True

        for answer in (silent, drop_by_drop):
            with Edge(answer) as edge, edge.client(timeout=0.2) as client, self.assertLogs("volenti"):
                began = time.monotonic()
                self.assertEqual(client.allowed(ID, "ads"), UNAVAILABLE)
                self.assertLess(time.monotonic() - began, 10)
                over.set()
            over.clear()

    def test_a_slow_check_does_not_hold_the_loop(self):
        over = threading.Event()

        def slow(handler):
            over.wait(30)
            send(handler, YES)

        async def both(client):
            check = asyncio.ensure_future(client.allowed_async(ID, "ads"))
            await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            self.assertFalse(check.done())
            over.set()
            return await check

        with Edge(slow) as edge, edge.client(timeout=30) as client:
            self.assertTrue(asyncio.run(both(client)))

    def test_a_cancelled_check_is_no_call(self):
        over = threading.Event()

        def slow(handler):
            over.wait(30)
            send(handler, YES)

        async def cancelled(client):
            @volenti.gate("ads", subject="who", client=client)
            async def effect(who):
                self.fail("it ran")

            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(effect(ID), 0.05)
            over.set()

        with Edge(slow) as edge, edge.client(timeout=30) as client:
            asyncio.run(cancelled(client))

    def test_answers_about_others_are_no_answers(self):  # A15
        def results(*all_of_them, purpose="ads"):
            return lambda handler: send(handler, {"purpose": purpose, "results": list(all_of_them)})

        other = str(uuid.UUID(int=8))
        granted = dict(YES, subject=ID)
        for answer in (
            results(), results(granted), results(granted, granted, granted), results(granted, dict(YES, subject=other)),
            results(granted, granted, purpose="research"), results(granted, None), results(granted, {"allowed": True}),
        ):
            with Edge(answer) as edge, edge.client() as client, self.assertLogs("volenti"):
                self.assertEqual(client.check([ID, ID], "ads"), [UNAVAILABLE] * 2)
        with Edge(results(granted, dict(NO, subject=ID))) as edge, edge.client() as client:
            self.assertEqual([d.allowed for d in client.check([ID, ID], "ads")], [True, False])

    def test_what_follows_an_answer_is_not_the_next_answer(self):
        later = threading.Event()

        def two(handler):
            if len(edge.asked) > 1:
                return send(handler, NO)
            send(handler, YES)
            handler.wfile.write(head(len(yes)) + yes)
            later.set()

        with Edge(two) as edge, edge.client() as client:
            self.assertTrue(client.allowed(ID, "ads"))
            later.wait()
            self.assertFalse(client.allowed(ID, "ads"))

    def test_an_answer_that_came_too_late_is_not_the_next_answer(self):
        proceed = threading.Event()

        def late(handler):
            if len(edge.asked) == 1:
                proceed.wait(30)
                return send(handler, YES)
            send(handler, NO)

        self.addCleanup(proceed.set)
        with Edge(late) as edge, edge.client(timeout=1) as client, self.assertLogs("volenti"):
            self.assertEqual(client.allowed(ID, "ads"), UNAVAILABLE)
            self.assertEqual(client.allowed(ID, "ads").reason, "withdrawn")
            proceed.set()
            self.assertEqual(client.allowed(ID, "ads").reason, "withdrawn")

    def test_no_answer_is_kept(self):  # A15
        with Edge(lambda handler: send(handler, NO if len(edge.asked) > 1 else YES, Cache_Control="max-age=99")) as edge:
            with edge.client() as client:
                self.assertEqual([client.allowed(ID, "ads").allowed for _ in range(3)], [True, False, False])
            self.assertEqual(len(edge.asked), 3)

    def test_connections_are_kept_and_opened_again_when_the_server_has_closed_them(self):
        def hang_up(handler):
            send(handler, YES)
            handler.close_connection = len(edge.asked) % 3 == 0

        with Edge(hang_up) as edge, edge.client() as client:
            for _ in range(9):
                self.assertTrue(client.allowed(ID, "ads"))
            self.assertEqual((len(edge.asked), edge.connections), (9, 3))

    def test_a_connection_that_is_closed_under_a_check_is_replaced(self):
        def once(handler):
            if hasattr(handler, "answered"):
                handler.close_connection = True
                return
            handler.answered = True
            send(handler, YES)

        def last(handler):
            send(handler, YES, Connection="close")

        for answer, asked in ((once, 5), (last, 3)):
            with Edge(answer) as edge, edge.client() as client:
                for _ in range(3):
                    self.assertTrue(client.allowed(ID, "ads"))
                self.assertEqual((len(edge.asked), edge.connections), (asked, 3))

    def test_a_forked_process_opens_a_connection_of_its_own(self):
        with Edge(lambda handler: send(handler, YES)) as edge, edge.client() as client:
            self.assertTrue(client.allowed(ID, "ads"))
            child = multiprocessing.get_context("fork").Process(target=client.allowed, args=(ID, "ads"), daemon=True)
            child.start()
            child.join(30)
            self.assertEqual((child.exitcode, len(edge.asked), edge.connections), (0, 2, 2))
            self.assertTrue(client.allowed(ID, "ads"))
            self.assertEqual(edge.connections, 2)

    def test_identities_are_in_no_url_and_the_token_in_one_header(self):
        def answer(handler):
            send(handler, {"purpose": "ads", "results": [YES]})

        with Edge(answer) as edge, edge.client() as client:
            self.assertTrue(client.allowed(ADDRESS, "ads"))
        (method, path, headers, body), = edge.asked
        self.assertEqual((method, path), ("POST", "/api/v1/consents/check"))
        self.assertEqual(json.loads(body), {"purpose": "ads", "identities": [{"type": "email", "value": ADDRESS.value}]})
        self.assertEqual(headers.pop("Authorization"), "Bearer " + TOKEN)
        self.assertNotIn("canary", str(headers))

    def test_what_the_client_was_told_shows_nowhere(self):
        secret = "canary.9a2e"
        wrong = [
            ("http://host", secret + "\n"), ("http://host", secret + " x"), ("http://host", ""), ("http://host", "ключ"),
            (f"http://{secret}@host", "t"), (f"http://me:{secret}@host", "t"), (f"http://host:{secret}", "t"),
            (f"http://host/{secret}", "t"), (f"http://host?{secret}", "t"), (f"ftp://{secret}", "t"), (secret, "t"), ("http://", "t"),
            (f"http://[{secret}", "t"),
        ]
        for url, token in wrong:
            with self.assertRaises(ValueError) as caught:
                volenti.Client(url, token)
            error = caught.exception
            self.assertNotIn(secret, "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        for timeout in (0, -1, float("nan")):
            with self.assertRaises(ValueError):
                volenti.Client("http://host", "t", timeout=timeout)
        self.assertEqual(repr(volenti.Client("https://host:8443/", secret)), "volenti.Client('https://host:8443')")
        self.assertNotIn("canary", repr(ADDRESS) + str([ADDRESS]))

    def test_a_certificate_that_nobody_vouches_for_is_a_no(self):
        url, certificate = os.environ["VOLENTI_TLS_URL"], os.environ["VOLENTI_TLS_CERTIFICATE"]
        with volenti.Client(url, TOKEN) as client, self.assertLogs("volenti") as log:
            self.assertEqual(client.allowed(ID, "ads"), UNAVAILABLE)
        self.assertIn("SSLCertVerificationError", str(log.output))
        with volenti.Client(url, TOKEN, tls=ssl.create_default_context(cafile=certificate)) as client:
            self.assertTrue(client.allowed(ID, "ads"))
            self.assertTrue(client.allowed(ID, "ads"))

    def test_a_decision_counts_as_what_it_says(self):
        self.assertFalse(volenti.Decision())
        self.assertFalse(volenti.Decision(False, "granted"))
        self.assertTrue(volenti.Decision(True, "granted"))
