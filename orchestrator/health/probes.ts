// Deep probes of the own region: app, Redis and Kafka side by side, each with a deadline of its own.
import { connect, type Socket } from 'node:net'
import { Agent, request } from 'undici'
import { ports, type Region } from '#protocol/sites.ts'

/** Long beside the period: a busy machine is slow to answer, and a slow app is not a dead one. A refusal is noticed at once. */
const deadlineMs = 1500
const dispatcher = new Agent({ connect: { timeout: deadlineMs }, keepAliveTimeout: 30_000 })

/** Redis's inline PING. */
const redisPing = Buffer.from('PING\r\n')
/** Kafka's ApiVersions request, version 0, correlation id 1, no client id (size, api key 18, version, correlation, null string). */
const kafkaApiVersions = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/** Asks one question over a kept connection; any answer within the deadline counts. */
export class SocketProbe {
  readonly #host: string
  readonly #port: number
  readonly #question: Buffer
  #socket: Socket | null = null

  constructor(host: string, port: number, question: Buffer) {
    this.#host = host
    this.#port = port
    this.#question = question
  }

  async ask(): Promise<boolean> {
    const socket = this.#socket ?? connect(this.#port, this.#host)
    this.#socket = null
    const answered = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), deadlineMs)
      const end = (alive: boolean) => (): void => {
        clearTimeout(timer)
        resolve(alive)
      }
      socket.removeAllListeners()
      socket.once('data', end(true)).once('error', end(false)).once('close', end(false))
      socket.write(this.#question)
    })
    socket.removeAllListeners()
    socket.on('error', () => undefined)
    if (answered) this.#socket = socket
    else socket.destroy()
    return answered
  }

  close(): void {
    this.#socket?.destroy()
  }
}

async function appAlive(region: Region): Promise<boolean> {
  try {
    const response = await request(`http://app.${region}:${ports.app}/livez`, {
      dispatcher,
      signal: AbortSignal.timeout(deadlineMs),
    })
    await response.body.dump()
    return response.statusCode === 200
  } catch {
    return false
  }
}

export interface LocalProbes {
  ask(): Promise<{ readonly app: boolean; readonly redis: boolean; readonly kafka: boolean }>
  close(): void
}

export function createLocalProbes(region: Region): LocalProbes {
  const redis = new SocketProbe(`redis.${region}`, ports.redis, redisPing)
  const kafka = new SocketProbe(`kafka.${region}`, ports.kafka, kafkaApiVersions)
  return {
    async ask() {
      const [app, redisAlive, kafkaAlive] = await Promise.all([appAlive(region), redis.ask(), kafka.ask()])
      return { app, redis: redisAlive, kafka: kafkaAlive }
    },
    close() {
      redis.close()
      kafka.close()
    },
  }
}
