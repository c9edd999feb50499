import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sites, type Site } from '#protocol/sites.ts'
import { linkPath, mapGeometry, type Shape } from './map-geometry.ts'

for (const shape of ['wide', 'narrow'] as const satisfies readonly Shape[]) {
  const geometry = mapGeometry(shape)
  const box = (site: Site): { readonly width: number; readonly height: number } =>
    site.length === 1 ? geometry.region : geometry.area

  void test(`${shape}: every site lies inside the map, and none on another`, () => {
    for (const site of sites) {
      const { x, y } = geometry.sites[site]
      const { width, height } = box(site)
      assert.ok(x - width / 2 >= 0 && x + width / 2 <= geometry.width, site)
      assert.ok(y - height / 2 >= 0 && y + height / 2 <= geometry.height, site)
      for (const other of sites.filter((each) => each !== site)) {
        const at = geometry.sites[other]
        const apart =
          Math.abs(at.x - x) >= (width + box(other).width) / 2 || Math.abs(at.y - y) >= (height + box(other).height) / 2
        assert.ok(apart, `${site} and ${other}`)
      }
    }
  })

  void test(`${shape}: the middle of a link, where a cut is marked, is hidden by no site`, () => {
    for (const from of sites)
      for (const to of sites) {
        if (from === to || (from.length === 2 && to.length === 2)) continue
        const { middle } = linkPath(geometry, from, to)
        for (const site of sites) {
          const { x, y } = geometry.sites[site]
          const { width, height } = box(site)
          const hidden = Math.abs(middle.x - x) < width / 2 && Math.abs(middle.y - y) < height / 2
          assert.ok(!hidden, `${from} -> ${to} under ${site}`)
        }
      }
  })
}

void test('the two directions of a link lie beside each other', () => {
  const geometry = mapGeometry('wide')
  assert.notEqual(linkPath(geometry, 'a', 'b').middle.y, linkPath(geometry, 'b', 'a').middle.y)
})
