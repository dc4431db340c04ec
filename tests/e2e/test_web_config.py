"""The running program follows its web configuration, and tells whether what the file says is in use."""

import base64
from functools import partial
from pathlib import Path

from tests.e2e.program import SECRETS, serve, target, wait_until
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.passwords import hashed

PASSWORD = "web-password-do-not-print"
HEADER = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
SUCCESSFUL = "glue_mv_exporter_config_last_reload_successful"


def test_a_web_configuration_that_breaks_is_told_until_it_is_mended(tmp_path: Path) -> None:
    SECRETS.add(HEADER)
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n")
    with BareGlue() as glue:
        glue.records.put_run(sample_run(1))
        config = {"targets": [target(glue.url, sample_run_id(1))]}
        flags = (f"--web.config.file={web}", "--log.level=debug")
        with serve(tmp_path / "program", config, *flags) as program:
            assert "tls=off client_certificates=NoClientCert basic_auth=on" in program.log

            def is_in_use(value: int) -> bool:
                text = program.get("/metrics", Authorization=f"Basic {HEADER}").text
                return f"\n{SUCCESSFUL} {value}\n" in text

            good = web.read_text()
            for text, value in ((good, 1), ("basic_auth_users: {", 0), (good, 1), ("", 0), (good, 1)):
                web.write_text(text)
                wait_until(partial(is_in_use, value), 10, f"{SUCCESSFUL} {value}")
                assert program.get("/metrics").status == 401, "whatever the file says"
            wait_until(lambda: "path=/metrics status=401" in program.log, 10, "refusals are logged")
