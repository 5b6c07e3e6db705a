"""User data of accelerated instances: close every way in, mount disks, watch for termination, publish metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..data.accelerators import Platform

#: Where NVMe instance store volumes are mounted.
SCRATCH = "/scratch"
#: Program of the image that saves work; it runs before an instance is terminated.
CHECKPOINT = "/opt/aws-genai/checkpoint"
#: Number of seconds between a Spot interruption notice and the interruption: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html
SPOT_SECONDS = 120
#: Number of seconds that Auto Scaling waits before it terminates an instance.
GOING_SECONDS = 300
#: Number of these seconds that are kept for noticing it and for shutting down.
_MARGIN = 10
#: Namespace and name of the metric of all accelerators, NVIDIA and Neuron.
NAMESPACE = "AwsGenAi/Accelerators"
UTILIZATION = "Utilization"

_HEAD = "#!/bin/bash\nset -eu\n"

# The ECS agent accepts jobs after user data has ended, also if it failed: the instance must then shut down.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bootstrap_container_instance.html
_CLOSED = "trap '[ $? -eq 0 ] || systemctl poweroff' EXIT\n"

# In addition, the role has no Systems Manager permission and the network no endpoint for it.
_NO_WAY_IN = """for unit in amazon-ssm-agent.service snap.amazon-ssm-agent.amazon-ssm-agent.service ssh.service \\
    ssh.socket ec2-instance-connect.service serial-getty@ttyS0.service; do
  systemctl disable --now "$unit" 2>/dev/null || true
  systemctl mask "$unit" 2>/dev/null || true
done
"""

# The Nitro card encrypts these disks. Deep Learning AMIs mount them themselves; others get a RAID 0.
_SCRATCH = f"""if mountpoint -q /opt/dlami/nvme; then
  ln -sfn /opt/dlami/nvme {SCRATCH}
else
  disks=$(lsblk -dpno NAME,MODEL | awk '/Instance Storage/ {{print $1}}')
  if [ -n "$disks" ]; then
    mdadm --create /dev/md0 --run --force --level=0 --raid-devices="$(echo "$disks" | wc -l)" $disks
    mkfs.xfs -q /dev/md0
    mkdir -p {SCRATCH}
    mount -o noatime,discard /dev/md0 {SCRATCH}
  fi
fi
"""

# Both notices are in the instance metadata, so that nothing has to reach the instance:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
_WATCH = f"""mkdir -p /opt/aws-genai
cat > /opt/aws-genai/watch <<'SCRIPT'
#!/bin/bash
base=http://169.254.169.254/latest
while sleep 5; do
  token=$(curl -sf -m 2 -X PUT "$base/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 60") || continue
  ask() {{ curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$base/meta-data/$1"; }}
  if ask spot/instance-action >/dev/null; then
    left={SPOT_SECONDS - _MARGIN}
  elif [ "$(ask autoscaling/target-lifecycle-state)" = Terminated ]; then
    left={GOING_SECONDS - _MARGIN}
  else
    continue
  fi
  [ ! -x {CHECKPOINT} ] || timeout "$left" {CHECKPOINT} || true
  systemctl poweroff
  exit 0
done
SCRIPT
chmod 700 /opt/aws-genai/watch
cat > /etc/systemd/system/aws-genai-watch.service <<'UNIT'
[Unit]
Description=Saves work before this instance goes
[Service]
ExecStart=/opt/aws-genai/watch
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now aws-genai-watch.service
"""

_AGENT = "/opt/aws/amazon-cloudwatch-agent"

# The network reaches the package bucket of Amazon Linux and no other repository of the image, such as those of drivers;
# dnf fails on the first one that does not respond.
# https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html
_PACKAGES = """add_packages() {
  for _ in 1 2 3; do
    dnf -y -q --disablerepo='*' --enablerepo=amazonlinux install "$@" && return 0
    sleep 10
  done
  return 1
}
"""

# The packages for monitoring, which the ECS-optimized AMI lacks and without which jobs still run, and the kernel log as
# a file.
_AMAZON_LINUX = """add_packages awscli-2 amazon-cloudwatch-agent || echo "unwatched: its packages cannot be had" >&2
cat > /etc/systemd/system/aws-genai-kernel.service <<'UNIT'
[Unit]
Description=Writes the kernel's messages to a file
[Service]
ExecStart=/bin/sh -c 'exec journalctl -kf -n all -o short >> /var/log/kern.log'
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now aws-genai-kernel.service
"""

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
_CONTAINERS = """mkdir -p /etc/ecs
cat >> /etc/ecs/ecs.config <<'CONFIG'
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_CONTAINER_STOP_TIMEOUT=110s
ECS_AWSVPC_BLOCK_IMDS=true
ECS_DISABLE_PRIVILEGED=true
CONFIG
"""

# neuron-monitor prints a JSON document in each period:
# https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/neuron-monitor-user-guide.html
_NEURON = """mkdir -p /opt/aws-genai
cat > /opt/aws-genai/measure <<'SCRIPT'
#!/usr/bin/env python3
import json, subprocess, sys
for line in sys.stdin:
    cores = [
        core["neuroncore_utilization"]
        for runtime in json.loads(line).get("neuron_runtime_data", [])
        for core in runtime["report"]["neuroncore_counters"]["neuroncores_in_use"].values()
    ]
    value = sum(cores) / len(cores) if cores else 0
    command = ["aws", "cloudwatch", "put-metric-data", "--region", sys.argv[1], "--namespace", sys.argv[2],
               "--metric-name", sys.argv[3], "--unit", "Percent", "--value", f"{value:.2f}",
               "--dimensions", f"Fleet={sys.argv[4]}"]
    subprocess.run(command, check=False)
SCRIPT
chmod 700 /opt/aws-genai/measure
echo '{"period": "60s", "neuron_runtimes": [{"tag_filter": ".*", "metrics": [{"type": "neuroncore_counters"}]}]}' \\
  > /opt/aws-genai/neuron-monitor.json
cat > /etc/systemd/system/aws-genai-measure.service <<'UNIT'
[Unit]
Description=Reports how busy the accelerators are
[Service]
Environment=PATH=/opt/aws/neuron/bin:/usr/local/bin:/usr/bin:/bin
ExecStart=/bin/bash -c 'neuron-monitor -c /opt/aws-genai/neuron-monitor.json | /opt/aws-genai/measure %s'
Restart=always
RestartSec=60
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now aws-genai-measure.service
"""


@dataclass(frozen=True)
class Measuring:
    """Where an instance publishes its metrics and its kernel log."""

    fleet: str
    region: str
    log_group: str


def script(platform: Platform, measuring: Measuring, *, scratch: bool, mount: str = "") -> str:
    """The user data of an instance.

    :param scratch: whether the type has NVMe instance store volumes, to mount at ``/scratch``.
    :param mount: script that mounts a shared file system. Default: none.
    """
    parts = [_HEAD, _NO_WAY_IN, _WATCH]
    # What work needs comes before its monitoring.
    if scratch:
        parts.append(_SCRATCH)
    parts += [mount, _agent(platform, measuring)]
    if platform is Platform.NEURON:
        parts.append(_NEURON % _target(measuring))
    return "".join(parts)


def container_script(
    platform: Platform, measuring: Measuring, *, scratch: bool, mount: str = "", packages: str = ""
) -> str:
    """The user data of an instance that AWS Batch launches and runs containers on, in MIME multi-part format.

    An instance that cannot provide the file system or the scratch space of jobs shuts down.
    https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html

    :param packages: names of packages that ``mount`` needs. Default: none.
    """
    parts = [_HEAD, _CLOSED, _NO_WAY_IN, _CONTAINERS, _PACKAGES]
    # What jobs read and write comes first.
    if packages:
        parts.append(f"add_packages {packages}\n")
    parts.append(mount)
    if scratch:
        parts += ["add_packages mdadm xfsprogs\n", _SCRATCH]
    # Containers write to it, whether the type has instance store volumes or not.
    parts.append(f"mkdir -p {SCRATCH}\nchmod 1777 {SCRATCH}\n")
    parts += [_AMAZON_LINUX, _agent(platform, measuring)]
    if platform is Platform.NEURON:
        parts.append(_NEURON % _target(measuring))
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n'
        '--==\nContent-Type: text/x-shellscript; charset="us-ascii"\n\n' + "".join(parts) + "\n--==--\n"
    )


def _target(measuring: Measuring) -> str:
    return " ".join((measuring.region, NAMESPACE, UTILIZATION, measuring.fleet))


def _agent(platform: Platform, measuring: Measuring) -> str:
    """Configure the CloudWatch agent, which Deep Learning AMIs have: kernel log, and metrics of the NVIDIA driver.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-NVIDIA-GPU.html
    """
    kernel = {
        "file_path": "/var/log/kern.log",
        "log_group_name": measuring.log_group,
        "log_stream_name": "{instance_id}",
    }
    config: dict[str, object] = {
        "agent": {"region": measuring.region, "omit_hostname": True},
        "logs": {"logs_collected": {"files": {"collect_list": [kernel]}}},
    }
    if platform is Platform.CUDA:
        config["metrics"] = {
            "namespace": NAMESPACE,
            "aggregation_dimensions": [["Fleet"]],
            "metrics_collected": {
                "nvidia_gpu": {
                    "measurement": [
                        {"name": "utilization_gpu", "rename": UTILIZATION, "unit": "Percent"},
                        {"name": "utilization_memory", "rename": "MemoryUtilization", "unit": "Percent"},
                        {"name": "temperature_gpu", "rename": "Temperature"},
                    ],
                    "append_dimensions": {"Fleet": measuring.fleet},
                    "metrics_collection_interval": 60,
                }
            },
        }
    return (
        f"if [ -x {_AGENT}/bin/amazon-cloudwatch-agent-ctl ]; then\n"
        f"  cat > {_AGENT}/etc/aws-genai.json <<'CONFIG'\n{json.dumps(config)}\nCONFIG\n"
        f"  {_AGENT}/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:{_AGENT}/etc/aws-genai.json"
        ' || echo "unwatched: the agent does not start" >&2\n'
        "fi\n"
    )
