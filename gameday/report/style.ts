// The report's style sheet: light and dark screens, narrow ones, and paper.
const palette = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --ink: #16191d; --soft: #565d66; --line: #d9dde2; --grid: #e6e9ed;
  --good: #0b6b3a; --good-tint: #e4f3ea; --bad: #a61b14; --bad-tint: #fbe9e7; --doubt: #774b00; --doubt-tint: #fbf0d9;
  --blue: #1d5bb8; --blue-tint: #e3ecf9; --violet: #7a3fa8; --violet-tint: #7a3fa81f; --teal: #0e6a75; --fault: #c2362d2b; --background: #8a61002b }
@media screen and (prefers-color-scheme: dark) { :root { --page: #0f1114; --card: #171a1f; --ink: #e9ecef; --soft: #a4acb6; --line: #343a42;
  --grid: #262b32; --good: #6fdca4; --good-tint: #14301f; --bad: #ff9a91; --bad-tint: #3a1a18; --doubt: #f0c060; --doubt-tint: #33270d;
  --blue: #8ab8ff; --blue-tint: #1a2a44; --violet: #d3a6f5; --violet-tint: #d3a6f526; --teal: #6fd0db; --fault: #ff8a8033; --background: #e6b45026 } }`

const text = `
* { box-sizing: border-box }
body { background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; margin: 0; overflow-wrap: break-word }
main { max-width: 1080px; margin: 0 auto; padding: 2rem 1.25rem 1rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem 1.5rem; margin: 1.25rem 0 }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; margin: .15rem 0 .5rem; text-wrap: balance }
h2 { font-size: 1.2rem; margin: 0 0 .35rem; letter-spacing: -.005em } h3 { font-size: 1rem; margin: 1.5rem 0 .35rem }
p { margin: .35rem 0 .75rem; max-width: 75ch } .soft, figcaption, caption, small { color: var(--soft) } small { font-size: .85rem }
code { font: .86em/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; overflow-wrap: anywhere }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; margin: .5rem 0; white-space: pre-wrap }
.eyebrow { color: var(--soft); font-size: .85rem; margin: 0 } .meta { color: var(--soft); margin: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .9rem; max-width: none }
.top { display: flex; gap: 1.5rem; align-items: flex-start; justify-content: space-between } .story { font-size: 1.12rem; line-height: 1.5; margin: 1rem 0 0; max-width: 70ch }
.badge { flex: none; font-weight: 700; font-size: 1.15rem; letter-spacing: .04em; padding: .45rem 1rem; border-radius: 8px; border: 1px solid currentColor; white-space: nowrap }
.pass, .met { color: var(--good) } .fail, .missed { color: var(--bad) } .unknown { color: var(--doubt) }
.badge.pass { background: var(--good-tint) } .badge.fail { background: var(--bad-tint) } .badge.unknown { background: var(--doubt-tint) }
.state { font-weight: 650; white-space: nowrap } .link-name { white-space: nowrap }
.alert { border: 1px solid currentColor; border-left-width: 5px; border-radius: 6px; padding: .6rem .9rem; margin: 1rem 0 0; max-width: none; color: var(--doubt); background: var(--doubt-tint) }
.alert.bad { color: var(--bad); background: var(--bad-tint) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .75rem; margin: 1.25rem 0 0 }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem 1rem .8rem; display: flex; flex-direction: column-reverse; justify-content: flex-end }
.tiles dt { color: var(--soft); font-size: .85rem; line-height: 1.35 } .tiles dd { margin: 0; font-size: 1.55rem; font-weight: 650; letter-spacing: -.01em; font-variant-numeric: tabular-nums; line-height: 1.3 }
.tiles dd.none { font-size: 1rem; font-weight: 500; color: var(--soft); line-height: 2.1rem }`

const tables = `
.table { overflow-x: auto; margin: .75rem 0 0 } .table:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem }
caption { text-align: left; font-size: .88rem; padding-bottom: .35rem; max-width: 75ch }
th, td { text-align: left; padding: .42rem 1rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
thead th { color: var(--soft); font-weight: 600; font-size: .82rem; white-space: nowrap } tbody th { font-weight: 600 }
tbody tr:last-child > * { border-bottom: 0 } th:last-child, td:last-child { padding-right: 0 }
.figure { text-align: right; white-space: nowrap } .why { display: block; white-space: normal; font-weight: 400 } .figure .why { min-width: 9rem }
details { margin: .75rem 0 0 } summary { cursor: pointer; font-weight: 600; padding: .2rem 0 } summary:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px }
.ids { columns: 21rem; column-gap: 2rem; list-style: none; padding: 0; margin: .5rem 0 0; font-size: .9rem } .ids li { break-inside: avoid; padding: .05rem 0 }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.5rem; margin: .75rem 0 0; font-size: .93rem } .facts dt { color: var(--soft) } .facts dd { margin: 0; min-width: 0 }`

const figures = `
figure { margin: .75rem 0 0 } figcaption { font-size: .88rem; max-width: 75ch }
.row { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr); column-gap: .6rem } .row > .name { text-align: right; color: var(--soft); font-size: .8rem; line-height: 1.5rem }
.track { position: relative } .panel .track { border-bottom: 1px solid var(--line) } .track svg { display: block; width: 100%; height: 100% }
.tall { height: 92px } .low { height: 46px } .panel .name { position: relative } .panel .name span { position: absolute; right: 0; transform: translateY(-50%); line-height: 1; white-space: nowrap; font-size: .75rem; font-variant-numeric: tabular-nums }
.head { font-size: .85rem; font-weight: 600; margin: .95rem 0 .3rem } .head small { font-weight: 400 } .panel + .panel { margin-top: 16px }
.lane .track { height: 1.5rem; margin-bottom: 3px } .bar { position: absolute; top: 2px; bottom: 2px; min-width: 3px; border-radius: 3px; font-size: .78rem; line-height: 1.25rem; padding: 0 .35rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis }
.bar.thin { padding: 0 } .beside { position: absolute; top: 0; line-height: 1.5rem; font-size: .78rem; white-space: nowrap; padding: 0 .35rem }
.bar.epoch { background: var(--blue-tint); border: 1px solid var(--blue); line-height: 1.15rem } .bar.fault { background: var(--fault); border: 1px solid var(--bad); line-height: 1.15rem }
.bar.incident { background: var(--violet-tint); border: 1px solid var(--violet); line-height: 1.15rem } .bar.missing { background: repeating-linear-gradient(135deg, var(--card) 0 4px, var(--line) 4px 7px); border: 1px solid var(--soft); line-height: 1.15rem }
.bar.background { background: var(--background); border: 1px dashed var(--doubt); line-height: 1.15rem } .bar.order { background: var(--ink) }
.xticks { height: 1.3rem; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums } .xticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; line-height: 1.3rem } .row > .name.xname { line-height: 1.3rem; font-size: .75rem }
svg * { vector-effect: non-scaling-stroke } .grid { stroke: var(--grid); fill: none } .shade { fill: var(--fault) } .shade.background { fill: var(--background) } .edge { stroke: var(--bad); stroke-dasharray: 3 3; fill: none } .edge.background { stroke: var(--doubt) }
.shade.incident { fill: var(--violet-tint) } .t0 { stroke: var(--violet); stroke-width: 1.5; fill: none } .hatch { stroke: var(--soft); stroke-opacity: .6; fill: none }
.mark { stroke: var(--blue); stroke-dasharray: 1 3; stroke-width: 1.5; fill: none } .line { fill: none; stroke-width: 1.7; stroke-linejoin: round } .floor { stroke: var(--soft); stroke-dasharray: 5 4; fill: none }
.rate { stroke: var(--good) } .rate-area { fill: var(--good-tint) } .p50 { stroke: var(--blue) } .p99 { stroke: var(--violet); stroke-dasharray: 4 2.5 }
.lag-a { stroke: var(--teal) } .lag-b { stroke: var(--blue); stroke-dasharray: 6 3 } .lag-c { stroke: var(--violet); stroke-dasharray: 2 2 }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .5rem 0 .25rem; padding: 0; font-size: .85rem } .legend svg { width: 26px; height: 12px; vertical-align: -1px; margin-right: .4rem }
.gantt .row { grid-template-columns: 6.2rem minmax(0, 1fr) 5rem; align-items: center } .gantt .row > .name { white-space: nowrap } .gantt .value { font-size: .9rem; font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap } .gantt .row > .name { font-size: .9rem; color: var(--ink) }
.gantt .track { height: 1.6rem; background: linear-gradient(var(--grid), var(--grid)) 0 100% / 100% 1px no-repeat } .gantt .bar { background: var(--blue); top: 5px; bottom: 5px; padding: 0 } .gantt .sum .bar { background: none; border: 1.5px solid var(--ink) } .gantt .sum > .name, .gantt .sum > .value { font-weight: 650 }
.gantt .xticks { background: none } .maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 1rem 1.5rem } .maps svg { width: 100%; max-width: 400px; height: auto; display: block; margin: 0 auto } .maps h3 { margin-top: .75rem }
.maps text { font-size: 12.5px; fill: var(--ink); text-anchor: middle } .maps .role { font-size: 11px; fill: var(--soft) } .site { fill: var(--card); stroke: var(--soft); stroke-width: 1.2 } .site.primary { stroke: var(--blue); stroke-width: 2.5; fill: var(--blue-tint) } .maps .primary-text { fill: var(--blue); font-weight: 700 } .site.dead { stroke: var(--bad); stroke-dasharray: 4 3; fill: var(--bad-tint) } .maps .dead-text { fill: var(--bad); font-weight: 600 }
.link { stroke: var(--line); stroke-width: 1.5; fill: none } .link.wal { stroke: var(--teal); stroke-width: 2.2 } .link.cut { stroke: var(--bad); stroke-dasharray: 2 4 } .link.writes { stroke: var(--blue); stroke-width: 2; stroke-dasharray: 7 3 } .tip-wal { fill: var(--teal) } .tip-writes { fill: var(--blue) } .cross { stroke: var(--bad); stroke-width: 2 }`

const timeline = `
.events { list-style: none; margin: .5rem 0 0; padding: 0; font-size: .93rem } .events li { display: grid; grid-template-columns: 5.5rem 7.5rem 8.5rem minmax(0, 1fr); gap: 0 .9rem; padding: .32rem 0; border-bottom: 1px solid var(--grid) } .events li:last-child { border: 0 }
.events time { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft) } .events .who { color: var(--soft) } .events b { font-weight: 600 }
.filter { border: 0; padding: 0; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem } .filter legend { float: left; color: var(--soft); margin-right: 1rem } .filter label { white-space: nowrap }
footer { color: var(--soft); font-size: .85rem; max-width: 1080px; margin: 0 auto; padding: 0 1.25rem 2rem; overflow-wrap: anywhere }`

const narrow = `
@media screen and (max-width: 640px) { main { padding: 1rem .75rem } section { padding: 1rem .9rem 1.1rem; border-radius: 8px } h1 { font-size: 1.45rem } .top { flex-direction: column-reverse; gap: .75rem }
  .tiles { grid-template-columns: 1fr 1fr } .tiles dd { font-size: 1.3rem } .tiles div { padding: .6rem .75rem } .story { font-size: 1.03rem }
  .row { grid-template-columns: 3.3rem minmax(0, 1fr); column-gap: .4rem } .gantt .row { grid-template-columns: 6rem minmax(0, 1fr) 4.3rem } .wide, .xticks .minor { display: none }
  .events li { grid-template-columns: auto minmax(0, 1fr) auto; gap: 0 .6rem; padding: .5rem 0 } .events .why { grid-column: 1 / -1 } .events time { text-align: left } .facts { grid-template-columns: minmax(0, 1fr); gap: 0 } .facts dd { margin-bottom: .5rem }
  .stack thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; left: 0 } .stack thead tr { display: block; width: 1px; overflow: hidden } .stack tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line) } .stack tbody tr:last-child { border: 0 } .stack td, .stack tbody th { display: block; border: 0; padding: .08rem 0; text-align: left; white-space: normal } .stack td[data-head]::before { content: attr(data-head) ': '; color: var(--soft) } }`

const paper = `
@media print { :root { --page: #fff; --fault: #c2362d33 } body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact } main { max-width: none; padding: 0 } section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .8rem 0; margin: .6rem 0 }
  h2, h3, caption, figcaption { break-after: avoid } tr, li, .row, .tiles div, .maps figure, .alert { break-inside: avoid } .chart, .gantt { break-inside: avoid } thead { display: table-header-group } .table { overflow: visible } details:not([open]) { display: none } .filter { display: none } .tiles { grid-template-columns: repeat(5, 1fr) } .maps { grid-template-columns: repeat(3, 1fr) } @page { margin: 16mm 14mm } }`

export const style = [palette, text, tables, figures, timeline, narrow, paper].join('\n')
