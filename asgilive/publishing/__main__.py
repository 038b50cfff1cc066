"""Put together what pages run on, without the book: `python -m asgilive.publishing FOLDER`."""

import sys
from pathlib import Path

from asgilive.publishing.fetching import Unavailable
from asgilive.publishing.runtime import assemble


def main(words: list[str]) -> None:
    """Do it; a failure is one sentence."""
    if len(words) != 1:
        sys.exit("python -m asgilive.publishing FOLDER")
    try:
        runtime = assemble()
    except Unavailable as problem:
        sys.exit(str(problem))
    runtime.publish(Path(words[0]))
    print(f"{words[0]}: {runtime.megabytes} MB for the first Run, version {runtime.version}")


if __name__ == "__main__":
    main(sys.argv[1:])
