"""The examples of the README run, in order, as one program."""

import contextlib
import io
import os
import re
import unittest
from unittest import mock

import volenti
from tests.house import house


class ReadmeTest(unittest.TestCase):
    def test_the_examples_run(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "README.md"), encoding="utf-8") as file:
            examples = re.findall(r"```python\n(.*?)```", file.read(), re.S)
        self.assertGreater(len(examples), 2)
        anna = house().choose(volenti.Identity("email", "anna@example.org"), True)
        ben, _ = house().someone(granted=False)
        names = {"anna": anna, "ben": ben}
        self.addCleanup(volenti.use, None)
        said = io.StringIO()
        place = {"VOLENTI_URL": house().url, "VOLENTI_TOKEN": house().token}
        with mock.patch.dict(os.environ, place), contextlib.redirect_stdout(said):
            for example in examples:
                exec(compile(example, "README.md", "exec"), names)
        names["client"].close()
        self.assertEqual(said.getvalue(), "consent not granted for marketing_email: refused\ngranted\n")
        self.assertEqual(names["some"], [anna, anna])
        self.assertEqual([d.reason for d in names["decisions"]], ["granted", "refused"])
