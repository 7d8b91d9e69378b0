"""The client against a real server."""

import asyncio
import signal
import threading
import time
import unittest
import uuid

import volenti
from tests.house import PURPOSE, House, house

NOBODY = str(uuid.UUID(int=7))


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.client = house().client()
        self.addCleanup(self.client.close)

    def reason(self, person, purpose=PURPOSE):
        decision = self.client.allowed(person, purpose)
        self.assertEqual(decision.allowed, decision.reason == "granted")
        self.assertEqual([decision], self.client.check([person], purpose))
        return decision.reason

    def test_only_what_was_granted_is_a_yes(self):  # A15
        anna, address = house().someone(granted=True)
        ben, _ = house().someone(granted=False)
        self.assertEqual(self.reason(anna), "granted")
        self.assertEqual(self.reason(uuid.UUID(anna)), "granted")
        self.assertEqual(self.reason(anna.upper()), "granted")
        self.assertEqual(self.reason(address), "granted")
        self.assertEqual(self.reason(anna, "research"), "no_record")
        self.assertEqual(self.reason(anna, "cookies"), "unknown_purpose")
        self.assertEqual(self.reason(ben), "refused")
        self.assertEqual(self.reason(NOBODY), "no_record")
        self.assertEqual(self.reason(volenti.Identity("email", "nobody@example.org")), "no_record")

    def test_who_was_erased_has_no_record(self):
        anna, address = house().someone(granted=True)
        self.assertEqual(self.reason(anna), "granted")
        house().erase(anna)
        self.assertEqual(self.reason(anna), "no_record")
        self.assertEqual(self.reason(address), "no_record")

    def test_no_check_after_an_acknowledged_withdrawal_says_yes(self):
        anna, _ = house().someone(granted=True)
        over, asked = threading.Event(), []

        def ask():
            while not over.is_set():
                asked.append(self.client.allowed(anna, PURPOSE).reason)

        crowd = [threading.Thread(target=ask) for _ in range(4)]
        for thread in crowd:
            thread.start()
        try:
            for _ in range(30):
                house().choose(anna, True)
                self.assertEqual(self.client.allowed(anna, PURPOSE).reason, "granted")
                house().choose(anna, False)
                self.assertEqual(self.client.allowed(anna, PURPOSE).reason, "withdrawn")
        finally:
            over.set()
            for thread in crowd:
                thread.join()
        self.assertLessEqual(set(asked), {"granted", "withdrawn"})

    def test_many_are_asked_in_batches_and_keep_their_order(self):  # A15
        anna, address = house().someone(granted=True)
        ben, _ = house().someone(granted=True)
        people = [str(uuid.UUID(int=i + 1)) for i in range(25_001)]
        people[0] = people[9_999] = people[25_000] = anna
        people[10_000] = ben
        people[10_001] = address
        people[20_000] = uuid.UUID(ben)
        want = [anna, anna, ben, address, uuid.UUID(ben), anna]
        self.assertEqual(self.client.filter((person for person in people), PURPOSE), want)
        decisions = self.client.check(people, PURPOSE)
        self.assertEqual([i for i, d in enumerate(decisions) if d], [0, 9_999, 10_000, 10_001, 20_000, 25_000])
        self.assertEqual(len(decisions), len(people))
        self.assertEqual({d.reason for d in decisions}, {"granted", "no_record"})
        self.assertEqual(self.client.filter([], PURPOSE), [])
        self.assertEqual(asyncio.run(self.client.filter_async(people, PURPOSE)), want)
        self.assertEqual(asyncio.run(self.client.check_async(people, PURPOSE)), decisions)

    def test_a_key_that_may_not_ask_gets_no_yes(self):  # A15
        anna, _ = house().someone(granted=True)
        for token in (house().writer, house().token[:-1] + "_", "vk_x"):
            with volenti.Client(house().url, token) as client, self.assertLogs("volenti") as log:
                self.assertEqual(client.allowed(anna, PURPOSE), volenti.Decision(False, "unavailable"))
                self.assertEqual(client.filter([anna], PURPOSE), [])
            self.assertRegex(log.output[0], "status 40[13]$")
            self.assertNotIn(token, str(log.output))


class EndOfServerTest(unittest.TestCase):
    def test_a_server_that_is_killed_says_nothing_and_one_that_is_back_says_yes(self):  # A15
        own = House()
        self.addCleanup(own.close)
        anna, address = own.someone(granted=True)
        with own.client() as client, self.assertLogs("volenti"):
            under_way, asked = threading.Event(), []
            end = time.monotonic() + 30

            def ask():
                while "unavailable" not in asked and time.monotonic() < end:
                    asked.append(client.allowed(anna, PURPOSE).reason)
                    under_way.set()

            crowd = [threading.Thread(target=ask) for _ in range(4)]
            for thread in crowd:
                thread.start()
            under_way.wait()
            own.end(signal.SIGKILL)
            for thread in crowd:
                thread.join()
            self.assertEqual(set(asked), {"granted", "unavailable"})
            for person in (anna, address):
                self.assertEqual(client.allowed(person, PURPOSE).reason, "unavailable")
                self.assertEqual(client.filter([person] * 3, PURPOSE), [])
            own.start()
            self.assertEqual(client.allowed(anna, PURPOSE).reason, "granted")
