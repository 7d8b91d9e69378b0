"""Gates before functions of every kind, over a real server."""

import asyncio
import contextvars
import functools
import inspect
import multiprocessing
import pickle
import threading
import traceback
import unittest
import uuid

import volenti
from tests.house import PURPOSE, house

ID = str(uuid.UUID(int=7))


class GateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.anna, cls.address = house().someone(granted=True)
        cls.ben, cls.his = house().someone(granted=False)

    def setUp(self):
        self.client = house().client()
        volenti.use(self.client)
        self.addCleanup(volenti.use, None)
        self.addCleanup(self.client.close)
        self.calls = []

    def called(self, *what):
        self.calls.append(what)
        return what

    def assertRefuses(self, f, *args, reason="refused", **kwargs):
        """f raises the gate's error, which names the purpose and shows nobody."""
        before = list(self.calls)
        with self.assertRaises(volenti.ConsentNotGranted) as caught:
            f(*args, **kwargs)
        error = caught.exception
        self.assertEqual((error.purpose, error.reason), (PURPOSE, reason))
        self.assertEqual(self.calls, before)
        shown = "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(error) + str(error.args)
        self.assertIn(f"consent not granted for {PURPOSE}", shown)
        for personal in (self.ben, self.his.value, self.anna, self.address.value):
            self.assertNotIn(personal, shown)
        return error

    def test_a_function_runs_with_consent_only(self):  # A14
        @volenti.gate(PURPOSE, subject="user_id")
        def send(user_id, text="hello", *, copies=1):
            """Sends a letter."""
            return self.called(text, copies)

        self.assertEqual(send(self.anna), ("hello", 1))
        self.assertEqual(send(text="bye", user_id=self.anna, copies=2), ("bye", 2))
        self.assertEqual(self.assertRefuses(send, self.ben).subject, self.ben)
        self.assertRefuses(send, text="bye", user_id=self.ben)
        self.assertRefuses(send, ID, reason="no_record")
        house().choose(self.ben, True)
        self.assertEqual(send(self.ben), ("hello", 1))
        house().choose(self.ben, False)
        self.assertRefuses(send, self.ben, reason="withdrawn")
        house().choose(self.ben, True)
        house().erase(self.ben)
        type(self).ben, type(self).his = house().someone(granted=False)

    def test_who_is_not_named_is_an_error_and_never_a_call(self):  # A14
        @volenti.gate(PURPOSE, subject="user_id")
        def send(user_id=None):
            self.called()

        @volenti.gate(PURPOSE)
        def by_context():
            self.called()

        @volenti.gate(PURPOSE, subject="address", identity="email")
        def write(address):
            self.called()

        secret = "anna.5c1d@example.org"
        nothing = [None, "", uuid.UUID(int=0)]
        for f, people in ((send, [*nothing, secret, 7, b"x", [self.anna]]), (by_context, []), (write, ["", None, 7])):
            for arguments in [()] * (f is not write) + [(person,) for person in people]:
                with self.assertRaises(volenti.MissingSubject) as caught:
                    f(*arguments)
                self.assertNotIn(secret, traceback.format_exc() + repr(caught.exception))
        for person in (*nothing, secret):
            with self.assertRaises(volenti.MissingSubject), volenti.subject(person):
                self.fail("entered")
        with self.assertRaises(TypeError):
            send(self.anna, self.anna)
        self.assertEqual(self.calls, [])

    def test_a_subject_can_be_found_in_all_arguments(self):  # A14
        @volenti.gate(PURPOSE, subject=lambda arguments: arguments["letter"]["to"])
        def send(letter, *rest, hurry=False):
            return self.called()

        @volenti.gate(PURPOSE, subject=lambda a: a["owner"] if a["deep"] else a["reader"])
        def show(owner, reader, deep=True):
            return self.called()

        send({"to": self.anna})
        self.assertRefuses(send, {"to": self.ben}, hurry=True)
        show(self.anna, self.ben)
        self.assertRefuses(show, self.anna, self.ben, False)
        with self.assertRaises(KeyError):
            send({})
        self.assertEqual(len(self.calls), 2)

    def test_an_argument_of_any_kind_can_hold_the_subject(self):
        @volenti.gate(PURPOSE, subject="who")
        def keyword_only(*, who):
            return self.called()

        @volenti.gate(PURPOSE, subject="who")
        def any_keyword(first, **rest):
            return self.called()

        @volenti.gate(PURPOSE, subject="who")
        def positional(who, /, **rest):
            return self.called()

        @volenti.gate(PURPOSE, subject="who")
        def default(who=self.ben):
            return self.called()

        keyword_only(who=self.anna)
        any_keyword(1, who=self.anna)
        positional(self.anna, who=self.ben)
        default(self.anna)
        self.assertEqual(len(self.calls), 4)
        self.assertRefuses(keyword_only, who=self.ben)
        self.assertRefuses(any_keyword, 1, who=self.ben)
        self.assertRefuses(positional, self.ben, who=self.anna)
        self.assertRefuses(default)
        with self.assertRaises(volenti.MissingSubject):
            any_keyword(1)

    def test_an_identity_is_resolved_in_the_check(self):
        @volenti.gate(PURPOSE, subject="address", identity="email")
        def write(address):
            return self.called()

        write(self.address.value)
        write(self.address.value.upper())
        error = self.assertRefuses(write, self.his.value)
        self.assertEqual(error.subject, self.his)
        self.assertRefuses(write, "nobody@example.org", reason="no_record")
        self.assertNotIn(self.his.value, repr(error.subject))
        with volenti.subject(self.address):
            volenti.gate(PURPOSE)(self.called)()
        self.assertEqual(len(self.calls), 3)

    def test_methods_are_gated_below_their_decorators(self):
        case = self

        class Shop:
            name = "shop"

            @volenti.gate(PURPOSE, subject="who")
            def method(self, who):
                return case.called(self.name)

            @classmethod
            @volenti.gate(PURPOSE, subject="who")
            def of_class(cls, who):
                return case.called(cls.name)

            @staticmethod
            @volenti.gate(PURPOSE, subject="who")
            def static(who):
                return case.called("static")

        for f, what in ((Shop().method, "shop"), (Shop.of_class, "shop"), (Shop.static, "static")):
            self.assertEqual(f(self.anna), (what,))
            self.assertRefuses(f, self.ben)

    def test_what_cannot_be_gated_is_refused_at_once(self):
        gate = volenti.gate(PURPOSE, subject="who")
        for what in (classmethod(lambda cls, who: 1), staticmethod(lambda who: 1), type("C", (), {}), 7):
            with self.assertRaisesRegex(TypeError, "stands before a function"):
                gate(what)
        with self.assertRaisesRegex(TypeError, "no argument 'who'"):
            gate(lambda user: 1)
        with self.assertRaisesRegex(TypeError, "which argument holds it"):
            volenti.gate(PURPOSE, identity="email")
        for purpose in ("Marketing", "a b", "", "../x", "a" * 65, None, len):
            with self.assertRaisesRegex(ValueError, "key of a purpose"):
                volenti.gate(purpose)
            with self.assertRaisesRegex(ValueError, "key of a purpose"):
                self.client.allowed(self.anna, purpose)

    def test_a_gated_function_looks_like_itself(self):
        def send(user_id: str, text: str = "x") -> int:
            """Sends."""

        gated = volenti.gate(PURPOSE, subject="user_id")(send)
        self.assertEqual((gated.__name__, gated.__doc__, gated.__wrapped__), ("send", "Sends.", send))
        self.assertEqual(inspect.signature(gated), inspect.signature(send))

    def test_async_functions_and_generators_are_checked_before_they_begin(self):  # A14
        gate = volenti.gate(PURPOSE, subject="who")

        @gate
        async def send(who):
            return self.called("send")

        @gate
        def letters(who):
            self.called("letters")
            got = yield 1
            try:
                yield got
            except KeyError:
                yield "caught"
            return "end"

        @gate
        async def stream(who):
            self.called("stream")
            try:
                got = yield 1
                try:
                    yield got
                except KeyError:
                    yield "caught"
            finally:
                self.called("closed")

        self.assertTrue(inspect.iscoroutinefunction(send))
        self.assertTrue(inspect.isgeneratorfunction(letters))
        self.assertTrue(inspect.isasyncgenfunction(stream))

        refused = letters(self.ben)
        self.assertRefuses(next, refused)
        self.assertRefuses(asyncio.run, send(self.ben))
        self.assertRefuses(asyncio.run, anext_of(stream(self.ben)))

        self.assertEqual(asyncio.run(send(self.anna)), ("send",))
        some = letters(self.anna)
        self.assertEqual([next(some), some.send("got"), some.throw(KeyError)], [1, "got", "caught"])
        with self.assertRaises(StopIteration) as end:
            next(some)
        self.assertEqual(end.exception.value, "end")

        async def drive():
            some = stream(self.anna)
            self.assertEqual(await anext_of(some), 1)
            self.assertEqual(await some.asend("got"), "got")
            self.assertEqual(await some.athrow(KeyError()), "caught")
            self.assertEqual([item async for item in some], [])
            left = stream(self.anna)
            await anext_of(left)
            self.calls.clear()
            await left.aclose()
            self.assertEqual(self.calls, [("closed",)])
            broken = stream(self.anna)
            await anext_of(broken)
            with self.assertRaises(ZeroDivisionError):
                await broken.athrow(ZeroDivisionError())

        asyncio.run(drive())

    def test_consent_counts_when_work_begins_not_when_it_is_prepared(self):  # A14
        carl, _ = house().someone(granted=True)
        gate = volenti.gate(PURPOSE, subject="who")

        @gate
        async def send(who):
            self.called()

        @gate
        def letters(who):
            yield self.called()

        @gate
        async def stream(who):
            yield self.called()

        prepared, some, more = send(carl), letters(carl), stream(carl)
        house().choose(carl, False)
        self.assertRefuses(asyncio.run, prepared, reason="withdrawn")
        self.assertRefuses(next, some, reason="withdrawn")
        self.assertRefuses(asyncio.run, anext_of(more), reason="withdrawn")

    def test_the_subject_comes_from_the_context(self):  # A14
        gated = volenti.gate(PURPOSE)(self.called)
        with volenti.subject(self.anna):
            gated()
            with volenti.subject(self.ben):
                self.assertRefuses(gated)
            gated()
            inherited = contextvars.copy_context()
        with self.assertRaises(volenti.MissingSubject):
            gated()
        outcome = []

        def in_thread(run):
            try:
                run()
                outcome.append("ran")
            except Exception as error:
                outcome.append(type(error).__name__)

        for run in (gated, functools.partial(inherited.run, gated)):
            thread = threading.Thread(target=contextvars.Context().run, args=(in_thread, run))
            thread.start()
            thread.join()
        self.assertEqual(outcome, ["MissingSubject", "ran"])

    def test_a_hundred_tasks_keep_their_subjects_apart(self):  # A14
        @volenti.gate(PURPOSE)
        async def send(i):
            return self.called(i)

        async def task(i):
            with volenti.subject(self.ben if i % 3 else self.anna):
                await asyncio.sleep(0)
                return await send(i)

        async def everything():
            return await asyncio.gather(*map(task, range(100)), return_exceptions=True)

        for i, got in enumerate(asyncio.run(everything())):
            if i % 3:
                self.assertIsInstance(got, volenti.ConsentNotGranted)
            else:
                self.assertEqual(got, (i,))
        self.assertEqual(sorted(self.calls), [(i,) for i in range(0, 100, 3)])

    def test_threads_share_a_client(self):
        send = volenti.gate(PURPOSE, subject="who")(lambda who: who)
        wrong = []

        def work(i):
            for _ in range(30):
                try:
                    if send(self.ben if i % 2 else self.anna) != self.anna:
                        wrong.append("ran for the wrong one")
                except volenti.ConsentNotGranted as no:
                    if (no.subject, no.reason) != (self.ben, "refused"):
                        wrong.append(no)

        crowd = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_forked_process_shares_no_connection_and_no_thread(self):
        async def ask(person):
            return (await self.client.allowed_async(person, PURPOSE)).allowed

        self.assertTrue(asyncio.run(ask(self.anna)))
        context = multiprocessing.get_context("fork")
        wrong = context.Queue()
        started = context.Barrier(3)

        def work(person, want):
            started.wait(30)
            for _ in range(100):
                if self.client.allowed(person, PURPOSE).allowed != want:
                    wrong.put("another's answer")
            if asyncio.run(ask(person)) != want:
                wrong.put("another's answer, by a thread")

        children = [context.Process(target=work, args=(self.ben, False), daemon=True) for _ in range(2)]
        for child in children:
            child.start()
        work(self.anna, True)
        for child in children:
            child.join(30)
            self.assertEqual(child.exitcode, 0)
        self.assertTrue(wrong.empty())

    def test_a_token_is_checked_again_when_it_takes_effect(self):  # A14
        carl, _ = house().someone(granted=True)

        async def later(what):
            return self.called(what)

        token = self.client.token(carl, PURPOSE)
        self.assertEqual(token.run(self.called, "now"), ("now",))
        self.assertEqual(asyncio.run(token.run(later, what="async")), ("async",))
        self.assertNotIn(carl, repr(token))
        house().choose(carl, False)
        self.assertRefuses(token.run, self.called, reason="withdrawn")
        self.assertRefuses(asyncio.run, token.run(later, "no"), reason="withdrawn")
        self.assertRefuses(self.client.token, carl, PURPOSE, reason="withdrawn")
        self.assertRefuses(asyncio.run, self.client.token_async(carl, PURPOSE), reason="withdrawn")

        async def whole():
            return await (await self.client.token_async(self.anna, PURPOSE)).run(later, "whole")

        self.assertEqual(asyncio.run(whole()), ("whole",))

    def test_a_gate_has_a_client_of_its_own_or_that_of_all(self):
        @volenti.gate(PURPOSE, subject="who", client=self.client)
        def own(who):
            return self.called()

        @volenti.gate(PURPOSE, subject="who")
        def common(who):
            return self.called()

        volenti.use(None)
        own(self.anna)
        with self.assertRaisesRegex(RuntimeError, "volenti.use"):
            common(self.anna)
        self.assertEqual(len(self.calls), 1)

    def test_the_error_travels_without_its_subject(self):
        error = pickle.loads(pickle.dumps(volenti.ConsentNotGranted(PURPOSE, "refused", self.ben)))
        self.assertEqual((error.purpose, error.reason, error.subject), (PURPOSE, "refused", None))


async def anext_of(items):
    return await items.__anext__()
