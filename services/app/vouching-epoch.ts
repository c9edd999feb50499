// The epoch that a primary's followers vouch for, as the primary itself names them.

/**
 * An SQL expression of type bigint. With `commit: quorum` the agent names followers of one epoch only, as `<region>-<epoch>`, in
 * `synchronous_standby_names`, and sets it before it promotes: so this is true from the promotion on, while the epoch's row can be
 * seen only once its commit has its quorum. 0 in a standby; null with `commit: async`.
 */
export const vouchingEpoch = `substring(current_setting('synchronous_standby_names') FROM '-([0-9]+)"')::bigint`
