// A real OpenID provider on a free port of this machine, whose people sign in by being named in `login_hint`.
// With no hint it shows a page on which one chooses who one is. Its arguments: the addresses people come back to. Prints one line of JSON when it listens; ends with its input.
// Beside what a provider answers: `/test/rotate` gives it other keys, `/test/groups?who=&groups=` puts somebody into others,
// `/test/email?who=&email=` lets it claim another address for somebody, and `/test/counts` says how often each of its addresses was asked.
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import { Provider } from 'oidc-provider'

const redirectUris = process.argv.slice(2)
const people = {
  ada: { email: 'Ada@Example.org', email_verified: true, given_name: 'Ada', family_name: 'Quist', groups: ['night', 'unknown'] },
  eve: { email: 'noor@example.org', email_verified: false, given_name: 'Eve', family_name: 'Mallory', groups: [] },
  mal: { email: 'noor@example.org', email_verified: true, given_name: 'Mal', family_name: 'Ory', groups: ['night'] },
  bob: { email: 'bob@example.org', email_verified: true, given_name: 'Bob', family_name: 'Berg', groups: ['night'] },
}
let turn = 0
const keys = () => {
  turn += 1
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: `key-${turn}`, use: 'sig', alg: 'RS256' }] }
}

function provide(issuer) {
  const provider = new Provider(issuer, {
    jwks: keys(),
    clients: [{ client_id: 'backoffice', client_secret: 'a secret of + 30 % odd signs', redirect_uris: redirectUris }],
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name'] },
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    cookies: { keys: ['for tests'] },
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res)
    const who = params.login_hint ?? ctx.query.who
    if (prompt.name === 'login' && !who) {
      ctx.type = 'html'
      ctx.body = `<!doctype html><title>The Company</title><h1>Who are you?</h1>${Object.keys(people).map((name) => `<p><a href="?who=${name}">${name}</a></p>`).join('')}`
      return
    }
    let result = { login: { accountId: who } }
    if (prompt.name === 'consent') {
      const known = grantId && (await provider.Grant.find(grantId))
      const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
      grant.addOIDCScope(params.scope)
      result = { consent: { grantId: await grant.save() } }
    }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }))
  })
  return provider.callback()
}

const counts = {}
const server = http.createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  let answer = provide(issuer)
  server.on('request', (request, reply) => {
    const url = new URL(request.url, issuer)
    if (url.pathname === '/test/counts') return reply.end(JSON.stringify(counts))
    if (url.pathname === '/test/rotate') {
      answer = provide(issuer)
      return reply.end('{}')
    }
    if (url.pathname === '/test/groups') {
      people[url.searchParams.get('who')].groups = url.searchParams.get('groups').split(' ')
      return reply.end('{}')
    }
    if (url.pathname === '/test/email') {
      people[url.searchParams.get('who')].email = url.searchParams.get('email')
      return reply.end('{}')
    }
    counts[url.pathname] = (counts[url.pathname] ?? 0) + 1
    answer(request, reply)
  })
  console.log(JSON.stringify({ issuer }))
})
process.stdin.resume().on('end', () => process.exit(0))
