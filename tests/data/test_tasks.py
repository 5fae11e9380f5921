"""Protocol checks: what each task lets a training see, and what it is tested against."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from vlstudy.data.pool import Features, Pool
from vlstudy.data.tasks import Task, domain_task
from vlstudy.errors import DataError

DOMAINS = ("photo", "sketch", "paint")
CLASSES, EACH = 5, 10


def pool(task: Task, shots: int = 2, holdout: float = 0.0, split: bool = False) -> Pool:
    """Features that tell which image they are: one-hot of the image's number."""
    count = CLASSES * EACH * len(DOMAINS)
    labels = torch.arange(count) % CLASSES
    domains = torch.arange(count) // (CLASSES * EACH)

    def images(shift: int) -> Features:
        numbers = (torch.arange(count) + shift) % (3 * count)
        return Features(
            image_features=functional.one_hot(numbers, 3 * count).float(), label_indices=labels, domain_indices=domains
        )

    return Pool(
        train=images(0),
        val=images(count) if split else None,
        test=images(2 * count) if split else None,
        text_features=functional.normalize(torch.randn(CLASSES, 3 * count), dim=-1),
        classnames=tuple("abcde"),
        logit_scale=100.0,
        shots=shots,
        task=task,
        domains=DOMAINS,
        holdout=holdout,
    )


def numbers(images: torch.Tensor) -> set[int]:
    return set(images.argmax(dim=1).tolist())


@pytest.mark.parametrize("split", [False, True])
def test_base_to_new_trains_on_the_first_half_and_tests_each_half_against_its_own_names(split: bool) -> None:
    made = pool(Task(name="base_to_new"), split=split).confirm(1)
    assert made.dev.classes.names == ("a", "b", "c")  # ceil(5 / 2), as CoOp
    assert set(made.dev.train.labels.tolist()) == {0, 1, 2}
    base, new = made.test
    assert (base.name, base.classes.names, new.name, new.classes.names) == ("base", tuple("abc"), "new", tuple("de"))
    assert set(new.images.labels.tolist()) == {0, 1}
    assert new.classes.trained.tolist() == [-1, -1] and base.classes.trained.tolist() == [0, 1, 2]
    assert not numbers(base.images.image_features) & numbers(new.images.image_features)


def test_check_21_open_class_scores_everything_against_all_names_and_trains_on_half() -> None:
    made = pool(Task(name="open_class")).confirm(1)
    base, new = made.test
    assert base.classes.names == new.classes.names == tuple("abcde")
    assert set(base.images.labels.tolist()) == {0, 1, 2} and set(new.images.labels.tolist()) == {3, 4}
    assert made.dev.classes.names == tuple("abc")


def test_check_21_in_the_wild_has_new_domain_and_new_classes_and_rounds_down() -> None:
    task = domain_task("open_class", DOMAINS, held_out="paint")
    made = pool(task, shots=0, holdout=0.2).confirm(1)
    assert made.dev.classes.names == ("a", "b")
    assert set(made.dev.train.domains.tolist()) == {0, 1} >= set(made.dev.val.domains.tolist())
    assert all(set(group.images.domains.tolist()) == {2} for group in made.test)
    assert [len(group.classes.names) for group in made.test] == [5, 5]


@pytest.mark.parametrize("held_out", DOMAINS)
def test_check_21_no_image_of_the_held_out_domain_is_trained_or_validated_on(held_out: str) -> None:
    made = pool(domain_task("domain_shift", DOMAINS, held_out=held_out), shots=0, holdout=0.2)
    left, splits = DOMAINS.index(held_out), made.confirm(3)
    for images in (splits.dev.train, splits.dev.val, made.dev(3).train, made.dev(3).val):
        assert left not in images.domains
    (group,) = splits.test
    assert group.name == held_out and set(group.images.domains.tolist()) == {left}


def test_check_21_parts_are_a_fifth_disjoint_and_reproducible() -> None:
    made = pool(domain_task("domain_shift", DOMAINS, held_out="paint"), shots=0, holdout=0.2)
    one, again, other = made.confirm(1), made.confirm(1), made.confirm(2)
    train, val, test = (numbers(images.image_features) for images in (one.dev.train, one.dev.val, one.test[0].images))
    assert (len(train), len(val), len(test)) == (80, 20, 10)
    assert not train & val and not (train | val) & test
    assert torch.equal(one.dev.train.image_features, again.dev.train.image_features)
    assert numbers(other.dev.val.image_features) != val


def test_source_to_targets_trains_on_one_domain_and_tests_each_other() -> None:
    made = pool(domain_task("domain_shift", DOMAINS, train_on="photo"), split=True).confirm(1)
    assert set(made.dev.train.domains.tolist()) == {0}
    assert [group.name for group in made.test] == ["sketch", "paint"]


def test_a_task_without_shift_stays_in_its_domain() -> None:
    made = pool(domain_task("base_to_new", DOMAINS, train_on="sketch"), split=True).confirm(1)
    assert set(made.dev.train.domains.tolist()) == {1}
    assert [(group.name, set(group.images.domains.tolist())) for group in made.test] == [("base", {1}), ("new", {1})]
    assert made.dev.classes.names == ("a", "b", "c")


def test_shots_count_per_class_and_domain() -> None:
    dev = pool(domain_task("domain_shift", DOMAINS, held_out="sketch"), shots=3, holdout=0.2).dev(0)
    keys, counts = np.unique(dev.train.labels.numpy() * 10 + dev.train.domains.numpy(), return_counts=True)
    assert len(keys) == CLASSES * 2 and set(counts) == {3}


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("domain_shift", {}, "needs `held_out`"),
        ("domain_shift", {"held_out": "skecth"}, "Did you mean `sketch`"),
        ("domain_shift", {"held_out": "sketch", "train_on": "photo"}, "Keep one"),
        ("few_shot", {"held_out": "sketch"}, "tests the domain that it trains on"),
    ],
)
def test_a_wrong_choice_of_domains_is_told(name: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        domain_task(name, DOMAINS, **given)
