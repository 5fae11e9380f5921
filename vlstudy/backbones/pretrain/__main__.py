"""`python -m vlstudy.backbones.pretrain` trains the miniature CLIP, writes it and measures it.

Where other programs use the cores too, set OMP_WAIT_POLICY=passive: threads that wait by spinning nearly doubled the
CPU seconds of a step.
"""

import argparse
from pathlib import Path

from vlstudy.backbones.pretrain import card
from vlstudy.backbones.pretrain.stages import Recipe, train, write
from vlstudy.backbones.towers import load


def main() -> None:
    """Train, write and measure; or only measure what is shipped."""
    parser = argparse.ArgumentParser(
        prog="python -m vlstudy.backbones.pretrain",
        description="Pretrain the miniature CLIP, or measure the shipped one.",
    )
    parser.add_argument("--evaluate", action="store_true", help="measure the shipped weights without training")
    parser.add_argument("--warm", type=Path, help="a file that keeps the first stage from one run to the next")
    arguments = parser.parse_args()
    if arguments.evaluate:
        print(card.table(card.measure(load("miniature"), card.read()["seconds"])))
        return
    model, seconds = train(Recipe(), arguments.warm)
    write(model)
    measured = card.measure(load("miniature"), seconds)
    card.write(measured)
    print(card.table(measured))


if __name__ == "__main__":
    main()
