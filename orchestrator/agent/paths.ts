// Where things lie in the container. The volume is /var/lib/firedrill/postgres; all else comes with the image.

const volume = '/var/lib/firedrill/postgres'

export const paths = {
  volume,
  data: `${volume}/data`,
  /** A copy or base backup that isn't complete yet, and what it replaces. */
  dataNext: `${volume}/data.next`,
  dataPrevious: `${volume}/data.previous`,
  agent: `${volume}/agent`,
  state: `${volume}/agent/state.json`,
  settings: `${volume}/agent/postgres.conf`,
  services: `${volume}/agent/pg_service.conf`,
  hostRules: `${volume}/agent/pg_hba.conf`,
  exports: `${volume}/exports`,
  template: '/var/lib/postgresql/template',
  config: '/etc/firedrill/postgresql.conf',
  programs: '/usr/lib/postgresql/17/bin',
  sockets: '/var/run/postgresql',
  /** Where the walreceiver finds the way to its source. */
  link: '/var/run/firedrill-link',
} as const
