"""The work of chapter 6 as a program: a sum over as many numbers as the command line says.

    python -m apps.work 6000000          in notebooks/
"""

import sys


def compute(size=1_500_000):
    return sum(n % 7 for n in range(size))


if __name__ == "__main__":
    print(compute(int(sys.argv[1])))
