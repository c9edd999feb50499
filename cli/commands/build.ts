// `build`: the world's images, and the end of those of states of the code that nobody uses any more.
import type { Command } from 'commander'
import { connectEngine } from '#world/docker-engine.ts'
import { buildImages } from '#world/images/build-images.ts'
import { removeOldImages } from '#world/images/old-images.ts'
import { hostConfig, print, say } from '../shared.ts'

export function registerBuild(program: Command): void {
  program
    .command('build')
    .description("build the world's images; what is there already is not built again, what is long unused is removed")
    .action(async () => {
      const config = hostConfig()
      const engine = await connectEngine(config, say)
      const { tag, images } = await buildImages(engine, config)
      const built = images.filter((image) => image.built).length
      print(`${images.length} images, ${built} built now, tag ${tag}`)
      const removed = await removeOldImages(engine.docker, new Set(images.map(({ id }) => id)), Date.now())
      if (removed.count > 0)
        print(`${removed.count} images of earlier code removed, ${Math.round(removed.bytes / 1e6)} MB freed`)
    })
}
