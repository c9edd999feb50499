// The part of fs-native-extensions (no types of its own) that is used here: locks that end with their open file.
declare module 'fs-native-extensions' {
  /** False if another open file holds the lock. */
  export function tryLock(fd: number): boolean
}
