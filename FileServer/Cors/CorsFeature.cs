namespace FileServer.Cors;

/// <summary>Calls from pages of other origins.</summary>
static class CorsFeature
{
    public static void AddCors(this WebApplicationBuilder builder) =>
        builder.Services.AddOptions<CorsOptions>().BindConfiguration("Cors").ValidateDataAnnotations().ValidateOnStart();

    /// <summary>Comes before what answers or refuses, so that each answer carries the headers.</summary>
    public static void UseCrossOrigin(this IApplicationBuilder app) => app.UseMiddleware<CrossOrigin>();
}
