"""The sentence that answers, in every case a study can end in."""

from dataclasses import replace

import pytest

from tests.report.records import arm_header, confirm, full, header, small, trial
from vlstudy.journal import StudyRecord
from vlstudy.report.answer import answer, reservations

BASE = [0.70, 0.71, 0.70, 0.72, 0.71]


def plus(*gains: float) -> list[float]:
    return [base + gain for base, gain in zip(BASE, gains, strict=True)]


def sole(record: StudyRecord) -> str:
    (sentence,) = answer(record)
    return f"{sentence.verdict}: {sentence.text}"


def test_yes_by_hand() -> None:
    record = small({"zero_shot": [0.6] * 5, "linear_probe": BASE, "fma": plus(0.03, 0.03, 0.03, 0.03, 0.03)})
    assert sole(record) == (
        "Yes: fma beats the strongest baseline, linear_probe, by 3.0 points "
        "(95 % interval 3.0 to 3.0, n = 5 paired seeds)."
    )


def test_no() -> None:
    text = sole(small({"linear_probe": BASE, "fma": plus(-0.03, -0.02, -0.03, -0.04, -0.03)}))
    assert text.startswith("No: fma falls behind the strongest baseline, linear_probe, by 3.0 points (95 % interval −")


def test_cannot_tell_says_the_sign() -> None:
    text = sole(small({"linear_probe": BASE, "fma": plus(0.02, -0.02, 0.01, -0.01, 0.01)}))
    assert text.startswith("Cannot tell: fma differs from the strongest baseline, linear_probe, by +0.2 points")
    text = sole(small({"linear_probe": BASE, "fma": plus(-0.02, 0.02, -0.01, 0.01, -0.01)}))
    assert "by −0.2 points" in text


def test_no_difference_on_any_seed_is_not_an_answer() -> None:
    assert sole(small({"linear_probe": BASE, "fma": BASE})).startswith("Cannot tell: fma differs")


def test_one_seed_cannot_tell() -> None:
    text = sole(small({"linear_probe": [0.7], "fma": [0.9]}))
    assert text.startswith("Cannot tell: ") and text.endswith(
        "by +20.0 points (n = 1 seed, too few for an interval; 4 more needed to name a winner)."
    )


def test_less_is_better_where_the_direction_says_so() -> None:
    lower = plus(-0.1, -0.11, -0.1, -0.12, -0.1)
    record = small({"linear_probe": BASE, "fma": lower}, direction="minimize", unit="nats")
    assert sole(record).startswith(
        "Yes: fma beats the strongest baseline, linear_probe, by 0.11 nats (95 % interval 0.0"
    )
    assert any("lower is better" in line for line in reservations(record))


def test_the_strongest_baseline_is_the_one_with_the_best_mean_on_test() -> None:
    text = sole(small({"zero_shot": [0.8] * 5, "linear_probe": BASE, "fma": plus(0, 0, 0, 0, 0)}))
    assert text.startswith("No: fma falls behind the strongest baseline, zero_shot,")


def test_only_the_best_setting_counts_and_only_its_latest_trial() -> None:
    record = small({"linear_probe": BASE, "fma": [0.1] * 5})
    worse = tuple(confirm("fma", seed, 0.2, rank=1, trial=9) for seed in range(1, 6))
    later = tuple(confirm("fma", seed, value + 0.05, trial=7) for seed, value in enumerate(BASE, 1))
    assert sole(replace(record, confirms=record.confirms + worse + later)).startswith("Yes: fma beats")


def test_pairs_are_by_seed() -> None:
    record = small({"linear_probe": BASE, "fma": BASE})
    shuffled = tuple(confirm("fma", seed, BASE[seed - 1] + 0.01) for seed in (4, 2, 1))
    record = replace(record, confirms=(*(item for item in record.confirms if item.arm != "fma"), *shuffled))
    assert sole(record).endswith(
        "by +1.0 points (95 % interval 1.0 to 1.0, n = 3 paired seeds; 2 more needed to name a winner)."
    )
    assert any("all 5 confirmation seeds: fma 3" in line for line in reservations(record))


def seeded(**gains: list[float]) -> StudyRecord:
    """Arms that differ from their baseline by these points."""
    count = len(next(iter(gains.values())))
    base = [0.5 + 0.01 * seed for seed in range(count)]
    values = {name: [low + gain / 100 for low, gain in zip(base, own, strict=True)] for name, own in gains.items()}
    return small({"plain": base, **values}, subjects=tuple(gains), confirm_seeds=tuple(range(1, count + 1)))


@pytest.mark.parametrize(("count", "verdict"), [(4, "Cannot tell"), (5, "Yes")])
def test_variance_aware_check_30_no_winner_without_five_paired_seeds(count: int, verdict: str) -> None:
    record = seeded(fma=[3.0, 3.1, 3.2, 2.9, 3.3][:count])
    assert sole(record).startswith(f"{verdict}: ")
    assert ("; 1 more needed to name a winner)." in sole(record)) == (count == 4)
    assert any("no winner is named" in line for line in reservations(record)) == (count == 4)


def test_five_seeds_leave_the_interval_alone_and_say_so() -> None:
    record = seeded(fma=[3.0, 3.1, 3.2, 2.9, 3.3])
    assert sole(record).endswith("n = 5 paired seeds).")
    assert any("below 0.0625" in line and "interval alone decides" in line for line in reservations(record))


def test_from_six_seeds_on_the_signed_rank_p_is_told_and_has_a_say() -> None:
    assert sole(seeded(fma=[3.0, 3.1, 3.2, 2.9, 3.3, 2.8])).endswith("n = 6 paired seeds, p = 0.031).")
    # the one seed that disagrees does so most: W = 8, p = 50 / 256, though the interval is clear of zero
    text = sole(seeded(fma=[5.0, 5.1, 5.2, 4.5, 5.3, 4.9, -5.5, 4.7]))
    assert text.startswith("Cannot tell: fma differs") and "(95 % interval 0.2 to 5.5, n = 8 paired" in text
    assert text.endswith("p = 0.195).")


def test_holms_correction_can_turn_a_winner_into_cannot_tell() -> None:
    gains = [3.0, 3.1, 3.2, 2.9, 3.3, 2.8]
    assert answer(seeded(fma=gains))[0].verdict == "Yes"
    record = seeded(fma=gains, tpc=[-2.0, -2.1, -2.2, -1.9, -2.3, -1.8], flow=[1, -1, 2, -2, 3, -3])
    sentences = answer(record)
    assert [one.verdict for one in sentences] == ["Cannot tell"] * 3
    assert "corrected p = 0.094" in sentences[0].text and "corrected p = 1.000" in sentences[2].text
    lines = " ".join(reservations(record))
    assert "after Holm's correction" in lines and "6 paired seeds and 3 alternatives cannot give" in lines


def test_several_subjects_have_a_sentence_each_and_a_reservation() -> None:
    record = small({"linear_probe": BASE, "fma": plus(0.1, 0.1, 0.1, 0.1, 0.1), "tpc": BASE}, subjects=("fma", "tpc"))
    assert [sentence.verdict for sentence in answer(record)] == ["Yes", "Cannot tell"]
    assert any("not corrected" in line for line in reservations(record))
    assert not any("not corrected" in line for line in reservations(full()))
    assert any("favours the baseline" in line for line in reservations(full()))


def test_without_confirmations_it_is_not_answered_yet_and_says_how_far_it_is() -> None:
    text = sole(full(phase="searching"))
    assert text.startswith("Not answered yet: ") and "fma: " in text and "1 running" in text
    assert sole(StudyRecord(folder="f", text="", header=header(arm_header("fma")))).endswith("no trial has begun.")


@pytest.mark.parametrize(
    ("subjects", "lack"), [(("linear_probe", "fma"), "no baseline was measured"), ((), "every arm is a baseline")]
)
def test_without_two_sides_it_says_what_can_be_said(subjects: tuple[str, ...], lack: str) -> None:
    text = sole(small({"linear_probe": BASE, "fma": plus(0.1, 0.1, 0.1, 0.1, 0.1)}, subjects=subjects))
    assert text.startswith(f"Cannot tell: {lack}")
    assert "The best mean on test is fma's, 80.8 % (95 % interval 79.8 to 81.8, n = 5)." in text


def test_an_arm_that_failed_says_why() -> None:
    record = small({"linear_probe": BASE, "fma": []})
    reason = "the loss is not finite at step 3."
    failed = tuple(trial("fma", n, {}, verdict="failed", reason=reason) for n in range(2))
    text = sole(replace(record, trials=failed))
    assert text == "Cannot tell: fma was not measured on test: 2 failed (the loss is not finite at step 3)."
