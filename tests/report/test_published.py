"""Published values: where they appear, what stands beside them, and that averages are told as such."""

from dataclasses import replace
from typing import Any

import pytest

from tests.report import tasks
from vlstudy.journal import StudyRecord
from vlstudy.report import render
from vlstudy.report.citing import references
from vlstudy.report.published import published
from vlstudy.report.references import DIFFICULT, PLUG_IN, SHIFT_SETS, ZERO_SHOT

OPENAI = {"model": "ViT-B-16", "pretrained": "openai"}


def few_shot(**changes: Any) -> StudyRecord:
    """Zero-shot, and FMA on CLIP-LoRA, with 16 shots of StanfordCars."""
    arms = [*tasks.family("zero_shot"), *tasks.family("clip_lora"), *tasks.family("top", method="fma", on="clip_lora")]
    confirms = [tasks.on_test(arm.name, seed, {"accuracy": 0.6 + seed / 100}) for arm in arms for seed in (1, 3)]
    data = {"source": "coop", "dataset": "stanford_cars", "task": "few_shot", "shots": 16}
    return tasks.study(arms, confirms, **{"backbone": OPENAI, "data": data} | changes)


def rows(record: StudyRecord) -> list[dict[str, str]]:
    section = published(record)
    assert section is not None
    return [
        {name: cell.text for name, cell in zip(section.table.columns, row, strict=True)} for row in section.table.rows
    ]


def test_zero_shot_groups_average_to_what_the_plug_in_table_says() -> None:
    for difficult, place in ((True, 0), (False, 1)):
        own = [value for name, value in ZERO_SHOT.items() if (name in DIFFICULT) == difficult]
        assert sum(own) / len(own) == pytest.approx(PLUG_IN["CLIP zero-shot"][0][place], abs=0.15)


def test_our_value_stands_beside_the_same_method_data_and_shots() -> None:
    found = {row["method"]: row for row in rows(few_shot()) if not row["mean over"]}
    zero = found["zero-shot"]
    assert (zero["published (%)"], zero["arm here"], zero["here (%)"], zero["n"]) == (
        "65.3",
        "zero_shot",
        "62.00",
        "2",
    )
    assert found["CLIP-LoRA + FMA"]["arm here"] == "top" and found["CLIP-LoRA + FMA"]["published (%)"] == "87.7"


def test_averages_over_data_sets_say_so_and_have_nothing_of_ours_beside_them() -> None:
    means = [row for row in rows(few_shot()) if row["mean over"]]
    assert len(means) == 5 * 2 * 2 and {row["mean over"] for row in means} == {"5 difficult data sets"}
    assert all(row["here (%)"] == "" and row["shots"] == "16" for row in means)
    assert "domain" not in means[0] and "±" not in means[0]  # nothing published here has one


def test_other_shots_leave_only_what_needs_none() -> None:
    record = few_shot()
    four = replace(record, header=replace(record.header, data={**record.header.data, "shots": 4}))
    assert [row["method"] for row in rows(four)] == ["zero-shot"]


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": {"model": "ViT-B-32", "pretrained": "openai"}},
        {"backbone": {"model": "ViT-B-16", "pretrained": None}},
        {"data": {"source": "miniature", "task": "few_shot", "shots": 16}},
        {"data": {"source": "folder", "dataset": "stanford_cars", "task": "few_shot", "shots": 16}},
        {"data": {"source": "coop", "dataset": "else", "task": "few_shot", "shots": 16}},
        {"data": {"source": "domains", "dataset": "<b>", "task": "domain_shift", "held_out": "a"}},
    ],
)
def test_it_appears_only_where_data_task_and_backbone_match(changes: dict[str, Any]) -> None:
    assert published(few_shot(**changes)) is None
    assert 'id="published"' not in render(few_shot(**changes))


def test_the_page_says_that_it_was_not_measured_here_and_with_which_reservations() -> None:
    html = render(few_shot(backbone=OPENAI | {"model": "ViT-B-16-quickgelu"}))
    section = html.split('id="published"')[1].split("</section>")[0]
    assert "not measured here" in section and "a: Commonly reported. Often printed" in section
    assert "b: FMA, arXiv 2510.14543. From a summary" in section and "c: A public leaderboard, unverified." in section


def shift(domains: tuple[str, ...], dataset: str = "VLCS") -> StudyRecord:
    arms = [
        arm
        for name in ("zero_shot", "finetune", "alignclip")
        for arm in tasks.family(name, [{"held_out": domain} for domain in domains])
    ]
    confirms = [
        tasks.on_test(arm.name, seed, {f"accuracy@{arm.condition['held_out']}": 0.5 + 0.1 * (place % len(domains))})
        for place, arm in enumerate(arms)
        for seed in (1, 2)
    ]
    data = {"source": "domains", "dataset": dataset, "task": "domain_shift", "held_out": domains[0]}
    return tasks.study(arms, confirms, backbone=OPENAI, data=data)


def test_domains_stand_beside_their_own_and_the_mean_beside_the_mean_of_all() -> None:
    found = rows(shift(("Caltech101", "LabelMe", "SUN09", "VOC2007")))
    align = {row["domain"]: row for row in found if row["method"] == "AlignCLIP, D-V branch"}
    assert [row["here (%)"] for row in align.values()] == ["50.00", "60.00", "70.00", "80.00", "65.00"]
    assert align["LabelMe"]["published (%)"] == "68.9" and align["LabelMe"]["±"] == "0.3"
    erm = next(row for row in found if row["method"] == "ERM fine-tuning")
    assert (erm["published (%)"], erm["mean over"], erm["here (%)"]) == (
        "83.0",
        "4 domains, each left out once",
        "65.00",
    )
    assert sum("blocks aligned" in row["method"] for row in found) == 36
    assert {row["here (%)"] for row in found if "eps" in row["method"]} == {""}


def test_domains_that_the_study_does_not_test_are_left_out_and_so_is_a_mean_of_a_part() -> None:
    found = rows(shift(("LabelMe",)))
    assert {row["domain"] for row in found} == {"LabelMe", ""}
    assert {row["here (%)"] for row in found if row["mean over"]} == {""} != {row["here (%)"] for row in found}


@pytest.mark.parametrize("dataset", ["pacs", "Office-Home", "TerraIncognita", "terra_incognita", "DomainNet"])
def test_every_set_of_the_domain_shift_table_is_found_in_any_spelling(dataset: str) -> None:
    found = [one for one in references("domains", dataset, "domain_shift", frozenset()) if "zero-shot" in one.method]
    assert len(found) == 1 and found[0].over.startswith(tuple(map(str, SHIFT_SETS.values())))


def test_several_data_sets_are_told_apart() -> None:
    arms = tasks.family("zero_shot", [{"dataset": "dtd"}, {"dataset": "eurosat"}])
    confirms = [tasks.on_test(arm.name, 1, {"accuracy": 0.4}) for arm in arms[:1]]
    data = {"source": "coop", "dataset": "dtd", "task": "few_shot", "shots": 4}
    found = rows(tasks.study(arms, confirms, backbone=OPENAI, data=data))
    assert [(row["data set"], row["published (%)"], row["here (%)"]) for row in found] == [
        ("dtd", "43.8", "40.00"),
        ("eurosat", "47.5", ""),
    ]


@pytest.mark.parametrize(
    ("source", "dataset", "task", "count"),
    [
        ("domains", "OfficeHome", "open_class", 12),
        ("domains", "ImageNet", "domain_shift", 5),
        ("coop", "dtd", "base_to_new", 1),
        ("coop", "dtd", "open_class", 1),
        ("domains", "OfficeHome", "domain_shift", 13),
    ],
)
def test_the_other_tables_are_there_with_their_reservations(source: str, dataset: str, task: str, count: int) -> None:
    found = references(source, dataset, task, frozenset())
    assert len(found) == count
    assert all(one.reservation or "leaderboard" in one.source or "re-runs" in one.source for one in found)
