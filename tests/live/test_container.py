#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The image of tools/package/Containerfile, run as tools/package/daemonset.yaml says: it observes a server of the host. And the manifest
against Kubernetes' schema, where npm gives that.

WHYWAIT_IMAGE names one that is built already; else it is built, which takes minutes, on what
WHYWAIT_BASE names (a Debian 12). Without either, or without podman, it is left out. WHYWAIT_PODMAN is how podman is called ("podman --storage-driver vfs")."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps")]

import yaml  # noqa: E402
from live import ROOT  # noqa: E402  (its path comes first)
from serve_daemon import Page  # noqa: E402
from services import free_port, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

MANIFEST = ROOT / "tools/package/daemonset.yaml"
PODMAN = shlex.split(os.environ.get("WHYWAIT_PODMAN", "podman"))
TOKEN = "0123456789abcdef0123456789abcdef"
# CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE
KEPT = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39 | 1 << 40
MODULES = ROOT / "build/tests/manifest"  # of npm


def output(*argv, **options):
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def documents():
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def typed(name, text):
    """What TypeScript says of the documents, as Kubernetes' schema has them: names and types."""
    lines = ['import { IDaemonSet } from "kubernetes-models/apps/v1";', 'import { IConfigMap, INamespace } from "kubernetes-models/v1";']
    lines += [f"export const {document['kind']}: I{document['kind']} = {json.dumps(document)};" for document in yaml.safe_load_all(text)]
    (MODULES / name).write_text("\n".join(lines) + "\n")
    return subprocess.run(["node", "node_modules/typescript/bin/tsc", "--noEmit", "--skipLibCheck", "--moduleResolution", "node", "--target", "es2020", name],
                          cwd=MODULES, capture_output=True, text=True, check=False).stdout


def schema(tap):
    MODULES.mkdir(parents=True, exist_ok=True)
    try:
        if not (MODULES / "node_modules/typescript/bin/tsc").exists():
            (MODULES / "package.json").write_text("{}")
            output("npm", "install", "--no-audit", "--no-fund", "kubernetes-models@4", "@kubernetes-models/apimachinery", "typescript@5", cwd=MODULES, timeout=180)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        tap.skip("the manifest against Kubernetes' schema", f"npm: {error}")
        return
    text = MANIFEST.read_text()
    tap.check("the manifest is right by Kubernetes' schema", not typed("right.ts", text), typed("right.ts", text))
    said = typed("wrong.ts", text.replace("hostPID: true", "hostPID: maybe").replace("periodSeconds: 5", "periodSecond: 5"))
    tap.check("and one that is wrong is not", "'hostPID' are incompatible" in said or "periodSecond" in said, said)


def build():
    """The image's name."""
    base = os.environ["WHYWAIT_BASE"]
    output(*PODMAN, "build", "--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={base}", "-t", "localhost/whywait-test",
           "-f", ROOT / "tools/package/Containerfile", ROOT)
    return "localhost/whywait-test"


def arguments(directory, port):
    """How podman is told what the manifest says, and the environment that narrows it down to the server of this test."""
    told = documents()
    pod = told["DaemonSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    settings = told["ConfigMap"]["data"]["whywait.yaml"] + f"select: {{ports: [{port}]}}\n"
    for name, text in (("settings/whywait.yaml", settings), ("token/token", TOKEN)):
        (directory / name).parent.mkdir()
        (directory / name).write_text(text)
    (directory / "token/token").chmod(0o400)
    (directory / "recording").mkdir()
    said = ["--user", str(security["runAsUser"]), *(["--read-only", "--read-only-tmpfs=false"] if security["readOnlyRootFilesystem"] else []),
            *(["--pid", "host"] if pod["hostPID"] else []), "--network", "none"]
    if not security["allowPrivilegeEscalation"]:
        said += ["--security-opt", "no-new-privileges"]
    said += [f"--cap-drop={name}" for name in security["capabilities"]["drop"]] + [f"--cap-add={name}" for name in security["capabilities"]["add"]]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    for volume in pod["volumes"]:
        mount = mounts[volume["name"]]
        mode = "ro" if mount.get("readOnly") else "rw"
        if "emptyDir" in volume:
            said += ["--mount", f"type=tmpfs,destination={mount['mountPath']}"]
        elif "hostPath" in volume and volume["name"] != "recording":
            if pathlib.Path(volume["hostPath"]["path"]).is_dir():
                said += ["-v", f"{volume['hostPath']['path']}:{mount['mountPath']}:{mode}"]
        else:
            said += ["-v", f"{directory / volume['name']}:{mount['mountPath']}:{mode}"]
    return said, container["args"]


def profile(directory):
    """The runtime's default of system calls. What containerd's, and newer ones, have of these capabilities is added where it is missing."""
    told = json.loads(pathlib.Path("/usr/share/containers/seccomp.json").read_text())
    for call, capability in (("bpf", "CAP_BPF"), ("perf_event_open", "CAP_PERFMON")):
        told["syscalls"].insert(0, {"names": [call], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {"caps": [capability]}, "excludes": {}})
        for rule in told["syscalls"][1:]:
            # By number: it says no where another one says yes.
            if rule["action"] == "SCMP_ACT_ERRNO" and call in rule["names"]:
                rule["names"].remove(call)
    told["syscalls"] = [rule for rule in told["syscalls"] if rule["names"]]
    (directory / "seccomp.json").write_text(json.dumps(told))
    return ["--security-opt", f"seccomp={directory / 'seccomp.json'}"]


def image(tap, directory):
    name = os.environ.get("WHYWAIT_IMAGE") or build()
    with Page(free_port()) as page:
        said, args = arguments(directory, page.port)
        said += profile(directory)
        # Podman's own limits may be more than it may give here.
        identity = output(*PODMAN, "run", "-d", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", *said, name, *args)
        try:
            observes(tap, directory, identity, page)
        except Exception:
            tap.note(subprocess.run([*PODMAN, "logs", identity], capture_output=True, text=True, check=False).stderr)
            raise
        finally:
            output(*PODMAN, "stop", "-t", "20", identity)
            status = json.loads(output(*PODMAN, "inspect", identity))[0]["State"]["ExitCode"]
            log = subprocess.run([*PODMAN, "logs", identity], capture_output=True, text=True, check=False).stderr
            output(*PODMAN, "rm", identity)
    tap.check("it ends well", status == 0, f"{status}: {log}")


def observes(tap, directory, identity, page):
    pid = json.loads(output(*PODMAN, "inspect", identity))[0]["State"]["Pid"]

    def ask(path, *options):
        """In the container's network, which has nothing but itself."""
        done = subprocess.run(["nsenter", "-t", str(pid), "-n", "curl", "-s", "-w", "\n%{http_code}", *options, f"http://127.0.0.1:9248{path}"],
                              capture_output=True, text=True, check=False)
        text, _, code = done.stdout.rpartition("\n")
        return int(code or 0), text

    wait_until(lambda: ask("/readyz")[0] == 200, 60, "the container to be ready")
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    tap.check("it keeps what observing needs, and is no longer root", all(int(status[key], 16) == KEPT for key in ("CapPrm", "CapEff", "CapBnd"))
              and status["Uid"].split()[0] != "0" and status["NoNewPrivs"] == "1", status)
    tap.check("system calls are confined", status["Seccomp"] == "2", status)
    tap.check("who has no token is told nothing", ask("/metrics")[0] == 401, ask("/metrics"))
    page.ask("/contained", 5)
    wanted = re.compile(r'^whywait_requests_total\{.*route="/contained".*\} 5$', re.M)
    wait_until(lambda: wanted.search(ask("/metrics", "-H", f"Authorization: Bearer {TOKEN}")[1]), 20, "the requests in /metrics")
    tap.check("requests of a server of the host are in /metrics", True)
    tap.check("the recording is where the manifest has it", (directory / "recording/data/whywait.db").exists())


def main():
    tap = Tap()
    tap.run("the schema", schema, tap)
    if os.geteuid():
        tap.skip("the image", "needs root")
    elif not shutil.which(PODMAN[0]):
        tap.skip("the image", "podman is not installed")
    elif not (os.environ.get("WHYWAIT_IMAGE") or os.environ.get("WHYWAIT_BASE")):
        tap.skip("the image", "give WHYWAIT_IMAGE, one that is built, or WHYWAIT_BASE to build it on, which takes minutes")
    else:
        with tempfile.TemporaryDirectory() as directory:
            tap.run("the image", image, tap, pathlib.Path(directory))
    tap.done()


if __name__ == "__main__":
    main()
