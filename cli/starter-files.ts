// What `init` writes: a game-day folder of one's own, to be changed.

const runbook = `# yaml-language-server: $schema=./runbook.schema.json
# A first runbook of your own: a region is lost and comes back. Its page of prose is lose-a-region.md.
# ./firedrill validate, run --dry-run, run: see README.md. All keys: docs/runbooks.md in firedrill's folder.
title: Lose region \${target}

# Values that \${...} stands for below. Change one for a single run: run --set target=b. Between { and } they need quotes.
parameters:
  target: { default: a, description: The region that is lost, one-of: [a, b, c] }
  away: { default: 20s, description: How long it stays away }

# What is built: three regions; a is primary when all is well. With commit: quorum no acked write can be lost.
topology: { pattern: active-passive, steering: glb, commit: quorum, home: a }

# What must hold for the drill to pass.
objectives: { rto: 10s, rto-first-write: 5s, rpo: 0s }

# What the clients do all the while, and what well means.
load: { rate: 100/s, reads: 0.5, from: [na, eu, ap] }
steady-state-hypothesis: { success-rate: '>= 99.9%', p99: '<= 500ms' }

# Stop loss: as soon as one of these is met, the drill ends, is rolled back and has failed.
abort-when: { no-acks-for: 60s, success-rate: '< 20% for 40s' }

method:
  - hold: 15s
    notes: Everybody has the report of the last game day at hand
  - approve: Everybody ready to lose region \${target}?
  - fault: { id: outage, kind: power-loss, target: 'region \${target}' }
  # What runs side by side: the drill waits for both.
  - parallel:
      - hold: \${away}
      - wait-for: { event: write-acked, within: 30s }
        notes: Whoever is on call says when they notice, and by what
  - heal: outage
  - wait-for: { event: resynced, within: 120s }
  - hold: 10s

# Always runs: after success, after a failed step, after an abort, after Ctrl-C.
rollback:
  - heal: outage
  - wait-for: { event: resynced, within: 120s }
  - action: failback
`

const prose = `# lose-a-region: a region loses its network and its power

**What happens.** What breaks, and how. Whom it would hit.

**What should happen.** What the system does by itself, in which order. What people do by hand.

**Who.** Facilitator: … On call: … Watches the graphs: … Writes down what was seen: …

**Before.** [ ] Everybody knows the time and the channel. [ ] The last report is at hand. [ ] The dry run was read.

**It is stopped** if … (\`abort-when\` says the same to the tool).

**After.** [ ] The report is kept. [ ] What surprised us has an owner and a date.
`

const readme = `# Our game days

- \`./firedrill validate FOLDER/lose-a-region.yaml\` says what is wrong with it, by line and column.
- \`./firedrill run FOLDER/lose-a-region.yaml --dry-run\` says what it would do, what it touches, and how long it takes.
- \`./firedrill run FOLDER/lose-a-region.yaml\` does it; \`--yes\` in CI, where nobody is asked.
- \`runbook.schema.json\` is what editors complete by; \`./firedrill validate --schema\` prints the newest.
`

export interface StarterFile {
  readonly name: string
  readonly text: string
}

/** @param folder as it is to be typed @param schema the runbook's JSON Schema */
export function starterFiles(folder: string, schema: string): readonly StarterFile[] {
  return [
    { name: 'lose-a-region.yaml', text: runbook },
    { name: 'lose-a-region.md', text: prose },
    { name: 'runbook.schema.json', text: schema },
    { name: 'README.md', text: readme.replaceAll('FOLDER', () => folder) },
  ]
}
