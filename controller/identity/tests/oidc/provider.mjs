// A real OpenID provider on a free port of this machine, whose people sign in by being named in `login_hint`.
// First argument: the address people come back to. Prints one line of JSON when it listens; ends with its input.
import http from 'node:http'
import { Provider } from 'oidc-provider'

const [redirectUri] = process.argv.slice(2)
const people = {
  ada: { email: 'Ada@Example.org', email_verified: true, given_name: 'Ada', family_name: 'Quist', groups: ['night', 'unknown'] },
  eve: { email: 'noor@example.org', email_verified: false, given_name: 'Eve', family_name: 'Mallory', groups: [] },
  bob: { email: 'bob@example.org', email_verified: true, given_name: 'Bob', family_name: 'Berg', groups: ['night'] },
}
const server = http.createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'backoffice', client_secret: 'a secret of + 30 % odd signs', redirect_uris: [redirectUri] }],
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
    let result = { login: { accountId: params.login_hint } }
    if (prompt.name === 'consent') {
      const known = grantId && (await provider.Grant.find(grantId))
      const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
      grant.addOIDCScope(params.scope)
      result = { consent: { grantId: await grant.save() } }
    }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }))
  })
  server.on('request', provider.callback())
  console.log(JSON.stringify({ issuer }))
})
process.stdin.resume().on('end', () => process.exit(0))
