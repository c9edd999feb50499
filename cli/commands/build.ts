// `build`: the world's images.
import type { Command } from 'commander'
import { connectEngine } from '#world/docker-engine.ts'
import { buildImages } from '#world/images/build-images.ts'
import { hostConfig, print, say } from '../shared.ts'

export function registerBuild(program: Command): void {
  program
    .command('build')
    .description("build the world's images; what is there already is not built again")
    .action(async () => {
      const config = hostConfig()
      const engine = await connectEngine(config, say)
      const { tag, images } = await buildImages(engine, config)
      const built = images.filter((image) => image.built).length
      print(`${images.length} images, ${built} built now, tag ${tag}`)
    })
}
