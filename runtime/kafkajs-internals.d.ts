// The parts of kafkajs 2.2.4 below its public API that runtime/kafka.ts stands on. They ship without types.
declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net'
  interface Logger {
    namespace(): Logger
    debug(): void
    info(): void
    warn(): void
    error(): void
  }
  export interface ProtocolRequest {
    apiKey: number
    apiVersion: number
    apiName: string
    encode(): Promise<unknown>
  }
  export interface ProtocolResponse {
    decode(payload: Buffer): Promise<unknown>
    parse(decoded: unknown): Promise<unknown>
  }
  export default class Connection {
    constructor(options: {
      host: string
      port: number
      logger: Logger
      clientId: string
      connectionTimeout: number
      requestTimeout: number
      enforceRequestTimeout: boolean
      socketFactory: (options: { host: string; port: number; onConnect: () => void }) => Socket
    })
    readonly socket: Socket | undefined
    readonly requestQueue: { readonly pending: readonly unknown[]; scheduleCheckPendingRequests: () => void }
    connect(): Promise<boolean>
    isConnected(): boolean
    send(call: { request: ProtocolRequest; response: ProtocolResponse }): Promise<unknown>
    rejectRequests(error: Error): void
  }
}
declare module 'kafkajs/src/protocol/requests/fetch/v11/request.js' {
  import type { ProtocolRequest } from 'kafkajs/src/network/connection.js'
  export default function request(options: object): ProtocolRequest
}
declare module 'kafkajs/src/protocol/requests/fetch/v11/response.js' {
  import type { ProtocolResponse } from 'kafkajs/src/network/connection.js'
  const response: ProtocolResponse
  export default response
}
declare module 'kafkajs/src/protocol/requests/produce/v7/request.js' {
  import type { ProtocolRequest } from 'kafkajs/src/network/connection.js'
  export default function request(options: object): ProtocolRequest
}
declare module 'kafkajs/src/protocol/requests/produce/v7/response.js' {
  import type { ProtocolResponse } from 'kafkajs/src/network/connection.js'
  const response: ProtocolResponse
  export default response
}
declare module 'kafkajs/src/protocol/requests/listOffsets/v3/request.js' {
  import type { ProtocolRequest } from 'kafkajs/src/network/connection.js'
  export default function request(options: object): ProtocolRequest
}
declare module 'kafkajs/src/protocol/requests/listOffsets/v3/response.js' {
  import type { ProtocolResponse } from 'kafkajs/src/network/connection.js'
  const response: ProtocolResponse
  export default response
}
declare module 'kafkajs/src/protocol/requests/createTopics/v3/request.js' {
  import type { ProtocolRequest } from 'kafkajs/src/network/connection.js'
  export default function request(options: object): ProtocolRequest
}
declare module 'kafkajs/src/protocol/requests/createTopics/v3/response.js' {
  import type { ProtocolResponse } from 'kafkajs/src/network/connection.js'
  const response: ProtocolResponse
  export default response
}
declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    writeInt8(value: number): this
    writeBoolean(value: boolean): this
    writeUVarInt(value: number): this
    writeUVarIntString(value: string): this
    writeBuffer(value: Buffer): this
  }
}
