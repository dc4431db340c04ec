"""What valid files mean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import config
from exporter.errors import Problem
from exporter.model.settings import Access, AssumeRole, Settings, Target, ViewPattern

DATA = Path(__file__).parents[1] / "testdata" / "config" / "valid"
RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"
ALL = (ViewPattern(database="*", table="*"),)


def load(name: str) -> config.LoadedConfiguration:
    return config.load(DATA / f"{name}.yaml")


def target(
    name: str, region: str | None, catalog: str | None, database: str, profile: str | None = None
) -> Target:
    return Target(
        name=name,
        access=Access(aws_region=region, profile=profile),
        catalog_id=catalog,
        views=(ViewPattern(database=database, table="*"),),
    )


def test_the_smallest_file_has_the_defaults_of_the_settings() -> None:
    loaded = load("smallest")
    assert loaded.settings == Settings(targets=(Target(name="default", access=Access(), views=ALL),))
    assert loaded.warnings == ()
    assert loaded.summary == "1 targets, 0 runs, 1 view patterns"
    assert loaded.file.endswith("smallest.yaml")


def test_every_key_arrives_and_what_a_target_does_not_say_comes_from_the_defaults() -> None:
    assert load("everything").settings == Settings(
        poll_interval=60.0,
        settle_period=0.0,
        resync_interval=5400.0,
        runs_per_view=0,
        targets=(
            Target(
                name="prod",
                access=Access(
                    aws_region="eu-west-1",
                    profile="prod",
                    assume_role=AssumeRole(
                        role_arn="arn:aws:iam::123456789012:role/glue-read",
                        external_id="s3cr3t",
                        session_name="me",
                    ),
                    endpoint_url="http://127.0.0.1:5000",
                ),
                catalog_id="123456789012",
                run_ids=(RUN,),
                views=(
                    ViewPattern(database="sales", table="daily_orders"),
                    ViewPattern(database="finance", table="*"),
                    ViewPattern(database="odd.name", table="x"),
                    ViewPattern(database="dbt", table="*", expected_interval=86400.0, owner="team-dbt"),
                ),
                exclude_views=(
                    ViewPattern(database="finance", table="tmp_*"),
                    ViewPattern(database="odd.name", table="y"),
                ),
                owner="team-data",
                source_tables=False,
                max_requests_per_second=0.5,
            ),
            Target(
                name="default",
                access=Access(profile="monitoring"),
                run_ids=("7C9E6679-7425-40de-944b-e07fc1f90ae7",),
                exclude_views=(ViewPattern(database="*", table="tmp_*"),),
                max_requests_per_second=2.0,
            ),
        ),
    )


def test_regions_and_catalogs_multiply() -> None:
    """Names tell the targets of an entry apart; an own aws_region hides the default aws_regions."""
    bucket = "210987654321:s3tablescatalog/bucket"
    account = "123456789012"
    loaded = load("regions_and_catalogs")
    assert loaded.settings.targets == (
        Target(name="lake/eu-west-1", access=Access(aws_region="eu-west-1"), views=ALL),
        Target(name="lake/us-east-1", access=Access(aws_region="us-east-1"), views=ALL),
        target(f"both/eu-west-1/{account}", "eu-west-1", account, "a"),
        target(f"both/eu-west-1/{bucket}", "eu-west-1", bucket, "a"),
        target(f"both/us-east-1/{account}", "us-east-1", account, "a"),
        target(f"both/us-east-1/{bucket}", "us-east-1", bucket, "a"),
        target(f"one/{account}", "us-gov-west-1", account, "b"),
        target(f"cn-north-1/{account}", "cn-north-1", account, "c"),
        target(f"us-iso-east-1/{account}", "us-iso-east-1", account, "c"),
        target(f"eusc-de-east-1/{account}", "eusc-de-east-1", account, "c"),
        target(f"ap-southeast-5/{account}", "ap-southeast-5", account, "c"),
    )
    assert loaded.summary == "11 targets, 0 runs, 11 view patterns"


def test_one_role_serves_the_accounts_of_all_catalogs() -> None:
    roles = [target.access.assume_role for target in load("accounts").settings.targets]
    assert [role.role_arn if role else None for role in roles] == [
        f"arn:aws:iam::{account}:role/glue/the-longest-name-of-64-characters-with-the-account--{account}"
        for account in ("123456789012", "210987654321")
    ]
    assert {role.external_id if role else None for role in roles} == {"s3cr3t"}


def test_anchors_and_merge_keys_work() -> None:
    """A mapping's own keys win over merged ones, and the first merged mapping over the second."""
    views = (ViewPattern(database="a", table="*"), ViewPattern(database="b", table="*"))
    expected = [("a", "eu-west-1", "first"), ("b", "us-east-1", "first"), ("c", "eu-north-1", "all")]
    assert load("anchors").settings.targets == tuple(
        Target(name=name, access=Access(aws_region=region, profile="shared"), views=views, owner=owner)
        for name, region, owner in expected
    )


def test_resync_interval_is_never_shorter_than_poll_interval() -> None:
    """So that a long poll_interval alone is a complete setting."""
    assert load("long_poll_interval").settings.resync_interval == 3600.0


def test_text_stays_text() -> None:
    """A date that is not quoted, and numbers that are."""
    first, second = load("text_that_looks_otherwise").settings.targets
    assert (first.name, first.access.profile) == ("2026-01-31", "5")
    assert first.views == (ViewPattern(database="2024", table="1"), ViewPattern(database="on", table="0x10"))
    assert (second.name, second.access.profile) == ("12", "7")
    assert second.views == (ViewPattern(database="täglich", table="umsätze"),)


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_what_is_listed_twice_is_used_once_with_a_warning(change: Callable[[str], str]) -> None:
    """Case makes no difference in a run ID: the first way to write it stays."""
    first = change(RUN)
    content = (DATA / "runs_twice.yaml").read_text().replace(RUN, first, 1)
    loaded = config.parse(content.encode(), "config.yaml")
    assert [one.run_ids for one in loaded.settings.targets] == [
        (first, "7c9e6679-7425-40de-944b-e07fc1f90ae7")
    ]
    assert loaded.settings.targets[0].views == (ViewPattern(database="a", table="b"),)
    assert loaded.warnings == (
        Problem(2, "targets[0].aws_regions[1]", "the same as on line 2: keep one of them"),
        Problem(6, "targets[0].runs[2]", "the same as on line 4: keep one of them"),
        Problem(7, "targets[0].views[1]", "the same as on line 7: keep one of them"),
        Problem(8, "targets[0].exclude_views[1]", "the same as on line 8: keep one of them"),
    )


def test_a_pattern_again_with_another_interval_or_owner_is_warned_of() -> None:
    views = '[a.*, {database: a, table: "*", owner: me}, {database: a, table: "*", expected_interval: 1h}]'
    loaded = config.parse(f"targets: [{{views: {views}}}]".encode(), "f")
    assert [one.key_path for one in loaded.warnings] == ["targets[0].views[1]", "targets[0].views[2]"]
    assert len(loaded.settings.targets[0].views) == 3


def test_one_run_may_be_watched_in_different_regions_catalogs_and_profiles() -> None:
    """Only the running exporter can tell whether they are the same."""
    assert load("one_run_in_different_places").warnings == ()


def test_overlapping_patterns_are_warned_of() -> None:
    assert [
        (one.line, one.key_path, one.message.split(",")[0]) for one in load("overlapping_views").warnings
    ] == [
        (12, "targets[1].views[0]", "overlaps targets[0].views[0] (line 4)"),
        (14, "targets[1].views[2]", "overlaps targets[0].views[1] (line 5)"),
        (17, "targets[1].views[5]", "overlaps targets[0].views[2] (line 6)"),
        (19, "targets[1].views[7]", "overlaps targets[0].views[3] (line 7)"),
        (21, "targets[1].views[9]", "overlaps targets[0].views[1] (line 5)"),
    ]


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"%YAML 1.1\n---\n" + text + b"...\n",
    ],
    ids=["byte order mark", "Windows line ends", "document marks"],
)
def test_the_same_file_in_another_dress_means_the_same(rewrite: Callable[[bytes], bytes]) -> None:
    text = (DATA / "everything.yaml").read_bytes()
    assert config.parse(rewrite(text), "f").settings == config.parse(text, "f").settings


def test_an_external_id_is_in_no_repr() -> None:
    """Settings end up in logs and tracebacks."""
    assert "s3cr3t" not in repr(load("everything"))


def test_a_hundred_thousand_runs_load_in_seconds(tmp_path: Path) -> None:
    """Two thirds of one where nothing else runs."""
    file = tmp_path / "config.yaml"
    file.write_text(
        "targets:\n  - runs:\n"
        + "".join(f"    - {n:08x}-d9cb-469f-a165-70867728950e\n" for n in range(100_000))
    )
    assert config.load(file).summary == "1 targets, 100000 runs, 0 view patterns"


def test_an_endpoint_needs_no_catalog_where_the_sdk_knows_another_sts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:5001")
    text = b"targets: [{endpoint_url: http://127.0.0.1:5000, views: [sales.*]}]"
    assert config.parse(text, "f").settings.targets[0].catalog_id is None
