// Reads one simulation a line and answers one decision a line.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await runSimulation(JSON.parse(line), {})
  process.stdout.write(JSON.stringify({ result: answer.overallResult ?? null, errors: answer.errors ?? null }) + '\n')
}
