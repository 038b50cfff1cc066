"""Answers that learners gave, before anyone had shown them the checks.

Each code stands in the exercise's cell above the line that awaits the check. WRONG ones must fail,
with at least three different sentences for each exercise; RIGHT ones are unusual, and must pass.
"""

import importlib
import pkgutil

_chapters = [
    importlib.import_module(f"{__name__}.{module.name}")
    for module in pkgutil.iter_modules(__path__)
]
WRONG = {number: codes for chapter in _chapters for number, codes in chapter.WRONG.items()}
RIGHT = {number: codes for chapter in _chapters for number, codes in chapter.RIGHT.items()}
