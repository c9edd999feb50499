// The machine or the command line is not as it has to be: one clear line that says what to do, and exit code 3.

export const environmentExitCode = 3

export class EnvironmentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EnvironmentError'
  }
}
