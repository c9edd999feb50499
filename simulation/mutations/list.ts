// Every mutation that must be found, in the order of PROTOCOL and DESIGN.
import { appMutations } from './of-apps.ts'
import { promiseMutations } from './of-promises.ts'
import type { Mutation } from './mutation.ts'

export const mutations: readonly Mutation[] = [...promiseMutations, ...appMutations]
