// A real provider of OpenID Connect (npm oidc-provider) for tests: it knows everybody, by any password.
const { default: Provider } = await import(process.env.MODULE);

const client = (client_id) => ({
  client_id,
  client_secret: 's3cret',
  redirect_uris: [process.env.CALLBACK],
  post_logout_redirect_uris: [process.env.HOME_URL],
  grant_types: ['authorization_code'],
  response_types: ['code'],
});

const provider = new Provider(process.env.ISSUER, {
  clients: [client('app'), client('other')],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], roles: ['roles'] },
  conformIdTokenClaims: false,
  findAccount: async (ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: `${id} of ${ctx.oidc.client.clientId}`, preferred_username: id, roles: ['shifter'] }),
  }),
});
provider.listen(new URL(process.env.ISSUER).port, '127.0.0.1');
