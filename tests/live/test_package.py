#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is installed and packaged; and the daemon observes with no more than the unit, and the DaemonSet, let it have."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth/apps"))

import yaml  # noqa: E402
from live import ROOT, Serve  # noqa: E402
from serve_daemon import Page  # noqa: E402
from services import free_port, wait_until  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import WHYWAIT  # noqa: E402

PACKAGE = ROOT / "tools/package"
KEPT = {"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "CHECKPOINT_RESTORE"}
KEPT_MASK = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39 | 1 << 40
NOBODY = 65534
MOST_EXPOSED = 32  # tenths, as `systemd-analyze security` counts


def output(*argv):
    return subprocess.run(list(map(str, argv)), cwd=ROOT, capture_output=True, text=True, check=True).stdout


def make(*arguments):
    return output("make", "-s", *arguments)


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def unit():
    """{setting: its values}"""
    settings = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", (PACKAGE / "whywait.service").read_text(), re.M):
        settings.setdefault(name, []).append(value)
    return settings


def installed(tap, directory):
    make("install", f"DESTDIR={directory}", "PREFIX=/opt/whywait", "SYSCONFDIR=/opt/etc")
    found = files(directory)
    wanted = {"opt/whywait/bin/whywait", "opt/whywait/share/man/man1/whywait.1", "opt/whywait/share/man/man1/whywait-serve.1",
              "opt/whywait/lib/systemd/system/whywait.service", "opt/etc/whywait/whywait.yaml",
              "opt/whywait/share/doc/whywait/docs/serve.md", "opt/whywait/share/whywait/grafana-dashboard.json",
              "opt/whywait/share/whywait/prometheus-alerts.yml", "opt/whywait/share/whywait/daemonset.yaml"}
    tap.check("make install puts all of it there", wanted <= found, wanted - found)
    text = (directory / "opt/whywait/lib/systemd/system/whywait.service").read_text()
    tap.check("the unit names what was installed",
              "\nExecStart=/opt/whywait/bin/whywait serve --config /opt/etc/whywait/whywait.yaml\n" in text, text)
    settings = directory / "opt/etc/whywait/whywait.yaml"
    settings.write_text("keep: 3\n")
    make("install", f"DESTDIR={directory}", "PREFIX=/opt/whywait", "SYSCONFDIR=/opt/etc")
    tap.check("settings stay as they are", settings.read_text() == "keep: 3\n")
    make("uninstall", f"DESTDIR={directory}", "PREFIX=/opt/whywait", "SYSCONFDIR=/opt/etc")
    tap.check("make uninstall leaves only them", files(directory) == {"opt/etc/whywait/whywait.yaml"}, files(directory))


def packaged(tap, directory):
    package = ROOT / make("deb").split()[-1]
    first = package.read_bytes()
    make("deb")
    tap.check("the same tree gives the same package", package.read_bytes() == first)
    output("dpkg-deb", "--raw-extract", package, directory)
    fields = dict(line.split(": ", 1) for line in (directory / "DEBIAN/control").read_text().splitlines() if not line.startswith(" "))
    tap.check("libcurl4 is recommended, not needed", fields["Recommends"] == "libcurl4" and "curl" not in fields["Depends"], fields)
    tap.check("the libraries are needed", all(name in fields["Depends"] for name in ("libbpf1", "libc6", "libsqlite3-0")), fields)
    output("dpkg", "--validate-version", fields["Version"])
    tap.check("the settings are a conffile", (directory / "DEBIAN/conffiles").read_text() == "/etc/whywait/whywait.yaml\n")
    sums = subprocess.run(["md5sum", "--quiet", "--check", "DEBIAN/md5sums"], cwd=directory, capture_output=True, text=True, check=False)
    tap.check("the sums are right", sums.returncode == 0, sums.stdout)
    for name in ("usr/bin/whywait", "lib/systemd/system/whywait.service", "usr/share/man/man1/whywait-serve.1.gz"):
        tap.check(f"it has {name}", (directory / name).exists())


def hardened(tap):
    settings = unit()
    capabilities = {name.removeprefix("CAP_") for name in settings["CapabilityBoundingSet"][0].split()}
    tap.check("the unit has what observing needs, and what is given up at once", capabilities == KEPT | {"SYS_ADMIN", "SETPCAP"})
    tap.check("the same ambient", settings["AmbientCapabilities"] == settings["CapabilityBoundingSet"])
    if not shutil.which("systemd-analyze"):
        tap.skip("systemd-analyze security", "no systemd here")
        return
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", PACKAGE / "whywait.service"],
                          capture_output=True, text=True, check=False)
    tap.check("systemd-analyze finds it little exposed", done.returncode == 0, done.stdout[-200:] + done.stderr)


class Confined(Serve):
    """Started with these capabilities and no others, and no way to more."""

    def __init__(self, settings, capabilities, ambient, data):
        super().__init__("--config", "settings.yaml")
        self.settings, self.ambient, self.data = settings, ambient, data
        self.set = "-all," + ",".join("+" + name.lower() for name in sorted(capabilities))

    @property
    def recording(self):
        return self.directory / self.data

    def prepare(self):
        super().prepare()
        (self.directory / "token").write_text("0123456789abcdef0123")
        (self.directory / "token").chmod(0o400)
        (self.directory / "settings.yaml").write_text(self.settings.replace("DIRECTORY", str(self.directory)))
        self.directory.chmod(0o755)
        self.argv[self.argv.index("settings.yaml")] = str(self.directory / "settings.yaml")
        user = []
        if self.ambient:
            self.recording.parent.mkdir(0o750)
            os.chown(self.recording.parent, NOBODY, NOBODY)
            user = ["--reuid", "nobody", "--regid", str(NOBODY), "--clear-groups", "--inh-caps", self.set, "--ambient-caps", self.set]
        else:
            user = ["--inh-caps", "-all"]
        self.argv = ["setpriv", *user, "--bounding-set", self.set, "--no-new-privs", *self.argv]


def observes(tap, name, daemon, headers, page):
    with daemon:
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines())
        tap.check(f"{name}: it keeps what observing needs, and is no longer root",
                  all(int(status[key], 16) == KEPT_MASK for key in ("CapPrm", "CapEff", "CapBnd")) and
                  status["Uid"].split() == [str(NOBODY)] * 4 and status["NoNewPrivs"] == "1", status)
        page.ask("/confined", 5)
        wanted = re.compile(r'^whywait_requests_total\{.*route="/confined".*\} 5$', re.M)
        wait_until(lambda: wanted.search(daemon.get("/metrics", headers)[2]), 20, f"{name}: the requests in /metrics")
        tap.check(f"{name}: it is ready, and has seen the requests", daemon.get("/healthz")[0] == daemon.get("/readyz")[0] == 200)
        return daemon.log()


def doctor(tap):
    """With what is kept: either it may attach to user space, or it says what that takes."""
    kept = "-all," + ",".join("+" + name.lower() for name in sorted(KEPT))
    done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", str(NOBODY), "--clear-groups", "--inh-caps", kept, "--ambient-caps", kept,
                           "--bounding-set", kept, WHYWAIT, "doctor"], capture_output=True, text=True, check=False)
    tap.check("the doctor knows what is missing for user probes", re.search(r"ok +user probes", done.stdout) or "wants CAP_SYS_ADMIN" in done.stdout,
              done.stdout + done.stderr)


def by_the_unit(tap, page):
    settings = f"user: nobody\nselect: {{ports: [{page.port}]}}\n"
    capabilities = [name.removeprefix("CAP_") for name in unit()["CapabilityBoundingSet"][0].split()]
    log = observes(tap, "the unit", Confined(settings, capabilities, True, "data/whywait.db"), {}, page)
    tap.check("the unit: the kernel measures what it costs", "does not measure" not in log, log)


def by_the_manifest(tap, page):
    documents = {document["kind"]: document for document in yaml.safe_load_all((PACKAGE / "daemonset.yaml").read_text())}
    pod = documents["DaemonSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    tap.check("the pod has the host's processes, not its network", pod["hostPID"] is True and not pod.get("hostNetwork"))
    tap.check("the container is not privileged", not security["privileged"] and not security["allowPrivilegeEscalation"] and
              security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"])
    added = set(security["capabilities"]["add"])
    tap.check("it has what observing needs, and what becoming another user takes",
              added == KEPT | {"CHOWN", "SETUID", "SETGID", "SETPCAP"}, added)
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        tap.check(f"{probe} asks for {path}", container[probe]["httpGet"] == {"path": path, "port": "http"})
    tap.check("resources are asked for and limited", {"cpu", "memory"} <= set(container["resources"]["requests"]) and
              "memory" in container["resources"]["limits"])
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    tap.check("each volume is mounted", {volume["name"] for volume in pod["volumes"]} == set(mounts))
    settings = documents["ConfigMap"]["data"]["whywait.yaml"]
    told = yaml.safe_load(settings)
    tap.check("the settings name what is mounted", told["data"].startswith(mounts["recording"] + "/") and
              told["token_file"].startswith(mounts["token"] + "/") and
              told["listen"].endswith(f":{container['ports'][0]['containerPort']}"), told)
    # The same, but for where things are.
    settings = settings.replace(told["token_file"], "DIRECTORY/token").replace("user: whywait", "user: nobody")
    daemon = Confined(settings + f"select: {{ports: [{page.port}]}}\n", added, False, "data/whywait.db")
    observes(tap, "the manifest", daemon, {"Authorization": "Bearer 0123456789abcdef0123"}, page)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        tap.run("installed", installed, tap, pathlib.Path(one))
        tap.run("packaged", packaged, tap, pathlib.Path(other))
    tap.run("hardened", hardened, tap)
    tap.run("the doctor", doctor, tap)
    with Page(free_port()) as page:
        tap.run("by the unit", by_the_unit, tap, page)
        tap.run("by the manifest", by_the_manifest, tap, page)
    tap.done()


if __name__ == "__main__":
    main()
