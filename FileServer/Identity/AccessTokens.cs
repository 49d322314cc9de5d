using System.Security.Claims;
using FileServer.Protocol;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace FileServer.Identity;

/// <summary>What a valid access token says: whose session it belongs to.</summary>
readonly record struct AccessClaims(UserId User, Guid Session, Guid Stamp);

/// <summary>
/// Access tokens: short-lived JWTs signed with ES256. What is accepted is fixed here and never chosen by the token
/// (RFC 8725): one algorithm, one type, one issuer, one audience, only our keys by their name.
/// </summary>
sealed class AccessTokens(ServerKeys keys, IOptions<IdentityOptions> options, TimeProvider clock) : IConfigureNamedOptions<JwtBearerOptions>
{
    public const string Scheme = JwtBearerDefaults.AuthenticationScheme;

    const string Type = "at+jwt";
    const string Issuer = "urn:fileshare:server";
    const string Audience = "urn:fileshare:api";
    const string StampClaim = "stamp";

    static readonly JsonWebTokenHandler Writer = new() { SetDefaultTimesOnTokenCreation = false };

    public int LifetimeSeconds => options.Value.AccessTokenSeconds;

    public string Issue(AccessClaims claims)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return Writer.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type,
            Issuer = Issuer,
            Audience = Audience,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddSeconds(LifetimeSeconds),
            SigningCredentials = keys.Signing,
            Claims = new Dictionary<string, object>
            {
                [JwtRegisteredClaimNames.Sub] = claims.User.ToString(),
                [JwtRegisteredClaimNames.Sid] = claims.Session.ToString(),
                [JwtRegisteredClaimNames.Jti] = Guid.CreateVersion7().ToString(),
                [StampClaim] = claims.Stamp.ToString(),
            },
        });
    }

    /// <summary>What the token says, or null when it does not say all of it exactly once.</summary>
    public static AccessClaims? Read(ClaimsPrincipal principal) =>
        Single(principal, JwtRegisteredClaimNames.Sub) is { } user
        && Single(principal, JwtRegisteredClaimNames.Sid) is { } session
        && Single(principal, StampClaim) is { } stamp
            ? new AccessClaims(new UserId(user), session, stamp)
            : null;

    public void Configure(string? name, JwtBearerOptions bearer)
    {
        if (name == Scheme)
            Configure(bearer);
    }

    public void Configure(JwtBearerOptions bearer)
    {
        bearer.MapInboundClaims = false;
        bearer.TimeProvider = clock;
        bearer.TokenHandlers.Clear();
        bearer.TokenHandlers.Add(new JsonWebTokenHandler { MapInboundClaims = false, MaximumTokenSizeInBytes = 8192 });
        bearer.Events = new JwtBearerEvents
        {
            OnMessageReceived = received =>
            {
                // Personal tokens come in the same header and are none of the handler's business.
                if (PersonalTokens.IsOne(Bearer.In(received.HttpContext)))
                    received.NoResult();
                return Task.CompletedTask;
            },
        };
        bearer.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidTypes = [Type],
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            RequireAudience = true,
            ValidateIssuer = true,
            ValidIssuer = Issuer,
            ValidateAudience = true,
            AudienceValidator = (audiences, _, _) => audiences.ToArray() is [Audience],
            ValidateIssuerSigningKey = true,
            IssuerSigningKeyResolver = (_, _, keyId, _) => keys.Find(keyId),
            TryAllIssuerSigningKeys = false,
            ValidateLifetime = true,
            LifetimeValidator = RequireWithinLifetime,
        };
    }

    /// <summary>The handler's own check reads the machine's clock; this one reads ours.</summary>
    bool RequireWithinLifetime(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var skew = TimeSpan.FromSeconds(options.Value.ClockSkewSeconds);
        if (expires is not { } end || notBefore > now + skew)
            return false;
        return now - skew < end ? true : throw new SecurityTokenExpiredException { Expires = end };
    }

    static Guid? Single(ClaimsPrincipal principal, string type) =>
        principal.FindAll(type).ToArray() is [var only] && Guid.TryParse(only.Value, out var id) ? id : null;
}

/// <summary>The credentials in a request's Authorization header.</summary>
static class Bearer
{
    const string Prefix = "Bearer ";

    /// <summary>The token, or null when the request carries none. Never looked for anywhere else: an address ends up in logs and histories.</summary>
    public static string? In(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } value] && value.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? value[Prefix.Length..].Trim() : null;
}
