#!/bin/bash
# Runs after HyperPod has set up the Slurm controller: installs the job scripts where only root can write, and starts the
# service that submits jobs from the queue.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bash "$here/worker.sh"
install -d -m 755 /opt/aws-genai/jobs
install -m 755 "$here/intake.py" /opt/aws-genai/intake.py
if [ -d "$here/jobs" ]; then
  install -m 755 "$here"/jobs/* /opt/aws-genai/jobs/
fi
. "$here/cluster.env"
base=http://169.254.169.254/latest
token=$(curl -sf -X PUT "$base/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 60")
region=$(curl -sf -H "X-aws-ec2-metadata-token: $token" "$base/meta-data/placement/region")
cat > /etc/systemd/system/aws-genai-intake.service <<UNIT
[Unit]
Description=Submits the jobs of the queue
After=slurmctld.service
[Service]
Environment=QUEUE_NAME=$QUEUE_NAME AWS_REGION=$region PATH=/opt/slurm/bin:/usr/local/bin:/usr/bin:/bin
ExecStart=/usr/bin/python3 /opt/aws-genai/intake.py
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now aws-genai-intake.service
