using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;

namespace FileServer.Identity;

/// <summary>Who is who: accounts, groups, sign-in, sessions and personal tokens, and the gate before every endpoint.</summary>
static class IdentityFeature
{
    public static void AddIdentity(this IHostApplicationBuilder builder)
    {
        builder.Services.AddIdentity();
        builder.Services.AddHostedService<IdentityStart>();
    }

    /// <summary>Identity without what runs beside requests, as the server's own commands use it.</summary>
    public static void AddIdentity(this IServiceCollection services)
    {
        services.AddOptions<IdentityOptions>().BindConfiguration("Identity").ValidateDataAnnotations().ValidateOnStart();
        // AddAuthentication would bring data protection along, with a key ring in somebody's home that nothing here uses.
        services.AddAuthenticationCore(schemes => schemes.AddScheme<JwtBearerHandler>(AccessTokens.Scheme, displayName: null));
        services.AddTransient<JwtBearerHandler>();
        services.AddWebEncoders();
        services.AddSingleton<ServerKeys>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>>(provider => provider.GetRequiredService<AccessTokens>());
        services.AddSingleton<PasswordHasher>();
        services.AddSingleton<PasswordPolicy>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<Callers>();
        services.AddSingleton<Sessions>();
        services.AddSingleton<SignIn>();
        services.AddSingleton<PersonalTokens>();
        services.AddSingleton<Accounts>();
        services.AddSingleton<Groups>();
        services.AddSingleton<FirstAdministrator>();
        services.AddSingleton<ResetPassword>();
    }

    /// <summary>From here on nothing of an endpoint runs before its caller is known. Comes behind what turns refusals into problems.</summary>
    public static void UseIdentity(this IApplicationBuilder app) => app.UseMiddleware<Gate>();

    public static void MapIdentity(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1").WithTags("Identity");
        SessionEndpoints.Map(api);
        AdminEndpoints.Map(api);
    }
}
