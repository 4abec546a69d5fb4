/** The events that a new project comes with: they fit its stream. */
export const EVENTS = `{"view_id":"sample-1","at":"2026-11-22T09:00:20Z","page":"/signup","visitor":"edsger","milliseconds":1373}
{"view_id":"sample-2","at":"2026-11-22T09:02:03Z","page":"/","visitor":"barbara","milliseconds":232}
{"view_id":"sample-3","at":"2026-11-22T09:04:23Z","page":"/docs","visitor":"barbara","milliseconds":479}
{"view_id":"sample-4","at":"2026-11-22T09:06:02Z","page":"/","visitor":"edsger","milliseconds":183}
{"view_id":"sample-5","at":"2026-11-22T09:08:15Z","page":"/","visitor":"edsger","milliseconds":161}
{"view_id":"sample-6","at":"2026-11-22T09:10:52Z","page":"/docs","visitor":"grace"}
{"view_id":"sample-7","at":"2026-11-22T09:12:40Z","page":"/docs","visitor":"ada","milliseconds":1221}
{"view_id":"sample-8","at":"2026-11-22T09:14:37Z","page":"/pricing","visitor":"grace","milliseconds":135}
{"view_id":"sample-9","at":"2026-11-22T09:16:35Z","page":"/blog/hello","visitor":"alan","milliseconds":898}
{"view_id":"sample-10","at":"2026-11-22T09:18:09Z","page":"/pricing","visitor":"barbara","milliseconds":671}
{"view_id":"sample-11","at":"2026-11-22T09:20:35Z","page":"/docs/streams","visitor":"grace","milliseconds":251}
{"view_id":"sample-12","at":"2026-11-22T09:22:37Z","page":"/docs","visitor":"grace","milliseconds":802}
{"view_id":"sample-13","at":"2026-11-22T09:24:06Z","page":"/pricing","visitor":"ada","milliseconds":1195}
{"view_id":"sample-14","at":"2026-11-22T09:26:03Z","page":"/docs","visitor":"edsger"}
{"view_id":"sample-15","at":"2026-11-22T09:28:43Z","page":"/pricing","visitor":"margaret","milliseconds":683}
{"view_id":"sample-16","at":"2026-11-22T09:30:29Z","page":"/docs","visitor":"edsger","milliseconds":780}
{"view_id":"sample-17","at":"2026-11-22T09:32:19Z","page":"/","visitor":"grace","milliseconds":539}
{"view_id":"sample-18","at":"2026-11-22T09:34:05Z","page":"/docs","visitor":"barbara","milliseconds":1053}
{"view_id":"sample-19","at":"2026-11-22T09:36:56Z","page":"/pricing","visitor":"edsger","milliseconds":629}
{"view_id":"sample-20","at":"2026-11-22T09:38:38Z","page":"/signup","visitor":"ada","milliseconds":1088}
{"view_id":"sample-21","at":"2026-11-22T09:40:26Z","page":"/","visitor":"alan","milliseconds":351}
{"view_id":"sample-22","at":"2026-11-22T09:42:59Z","page":"/pricing","visitor":"ada"}
{"view_id":"sample-23","at":"2026-11-22T09:44:42Z","page":"/","visitor":"barbara","milliseconds":1213}
{"view_id":"sample-24","at":"2026-11-22T09:46:50Z","page":"/blog/hello","visitor":"alan","milliseconds":736}
`;
