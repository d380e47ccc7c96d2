"""Configuration: command line over environment over files; each value knows its source; no password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.config import ConfigError, load, mask, show

PROJECT = """
[sides.local]
dsn = "postgresql:///shop_dev"
[sides.production]
dsn = "postgresql://deploy:geheim@db-1/shop"
name = "eu-1"
colour = "red"
role = "deploy"
[sides.staging]
service = "shop-staging"
[timeouts]
connect_s = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "runbook.toml").write_text(PROJECT)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    return tmp_path


def loaded(project: Path, **kwargs):  # type: ignore[no-untyped-def]
    kwargs.setdefault("environ", {})
    return load(folder=project / "deep" / "er", user_folder=project / "user", **kwargs)


def test_the_project_file_is_found_from_a_folder_below_it(project: Path) -> None:
    config = loaded(project)
    assert config.production is not None
    assert (config.production.name, config.production.role) == ("eu-1", "deploy")
    assert config.connect_timeout_s == 3


def test_the_environment_beats_the_file_and_the_command_line_beats_both(project: Path) -> None:
    environ = {"RUNBOOK_PRODUCTION": "host=from-env", "RUNBOOK_CONNECT_TIMEOUT": "7"}
    config = loaded(project, environ=environ)
    assert config.production is not None
    assert (config.production.dsn, config.connect_timeout_s) == ("host=from-env", 7)
    config = loaded(project, environ=environ, options={"sides.production.dsn": "host=from-option"})
    assert config.production is not None
    assert config.production.dsn == "host=from-option"
    assert config.production.source == "option --production"


def test_a_configured_side_can_be_chosen_by_its_name(project: Path) -> None:
    config = loaded(project, options={"sides.production.dsn": "staging"})
    assert config.production is not None
    assert config.production.dsn == "service=shop-staging"
    assert config.production.key == "production"


def test_the_users_own_file_is_read_below_the_projects(project: Path) -> None:
    (project / "user").mkdir()
    (project / "user" / "runbook.toml").write_text('[timeouts]\nconnect_s = 1\n[screen]\ntheme = "light"\n')
    config = loaded(project)
    assert (config.connect_timeout_s, config.theme) == (3, "light")


def test_any_side_may_be_missing(tmp_path: Path) -> None:
    config = load(environ={}, folder=tmp_path, user_folder=tmp_path)
    assert (config.local, config.production) == (None, None)


def test_show_names_every_source_and_masks_every_password(project: Path) -> None:
    rows = {key: (value, source) for key, value, source in show(loaded(project))}
    assert rows["sides.production.dsn"][0] == "postgresql://deploy:***@db-1/shop"
    assert rows["sides.production.dsn"][1].endswith("runbook.toml")
    assert rows["screen.theme"][1] == "default"
    assert "geheim" not in repr(loaded(project))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[sides.production", "not valid TOML"),
        ("[sides.production]\nname = 'x'", "neither dsn nor service"),
        ("[sides.production]\ndsn = 'x'\nhots = 'y'", "'hots'"),
        ("[sides.production]\ndsn = 'x'\ncolour = 'mauve'", "colour"),
        ("[timeouts]\nconnect_s = 'soon'", "number of seconds"),
        ("[timeouts]\nconnect_s = -1", "above 0"),
        ("[playbooks]\nfolders = 3", "list of paths"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "runbook.toml").write_text(content)
    with pytest.raises(ConfigError, match=what) as raised:
        load(environ={}, folder=tmp_path, user_folder=tmp_path / "user")
    assert "runbook.toml" in str(raised.value)


@pytest.mark.parametrize(
    ("dsn", "masked"),
    [
        ("postgresql://u:p%40ss@h/db", "postgresql://u:***@h/db"),
        ("host=h password=p user=u", "host=h password=*** user=u"),
        ("host=h password='p q\\'r' user=u", "host=h password=*** user=u"),
        ("postgresql://h/db?user=u&password=p", "postgresql://h/db?user=u&password=***"),
        ("host=h user=u", "host=h user=u"),
    ],
)
def test_passwords_are_masked_in_every_form_of_dsn(dsn: str, masked: str) -> None:
    assert mask(dsn) == masked
