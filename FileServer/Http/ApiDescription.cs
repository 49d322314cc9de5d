using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace FileServer.Http;

/// <summary>The OpenAPI document of the REST endpoints, made from the routes themselves.</summary>
static class ApiDescription
{
    const string Name = "v1";
    const string Bearer = "bearer";

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        // tus and WebDAV are protocols of their own, with documents of their own.
        options.ShouldInclude = description => description.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) is true
            && !description.RelativePath.StartsWith("api/v1/uploads", StringComparison.Ordinal);
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "FileShare",
                Version = Name,
                Description = "Errors are problem documents (RFC 9457) with a stable 'code'. Lists are paged by 'cursor' and 'limit'. What one may not list does not exist: 404.",
            };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
            document.Components.SecuritySchemes[Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = Bearer,
                Description = "An access token from /auth/login, or a personal access token.",
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(DescribeAsync);
    });

    /// <summary>Readable by whoever is signed in: what there is to call is nobody else's business.</summary>
    public static void MapApiDescription(this IEndpointRouteBuilder routes) =>
        routes.MapOpenApi("/openapi/{documentName}.json").OnlyFor("member", "admin", "auditor").Requires("a signed-in account");

    static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        DescribePath(operation, context.Description);
        var rule = context.Description.ActionDescriptor.EndpointMetadata.OfType<RouteRule>().LastOrDefault();
        if (rule is { Anonymous: false })
        {
            operation.Description = $"{operation.Description} Needs: {rule.Demand}.".TrimStart();
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] }];
        }
        operation.Responses ??= [];
        operation.Responses["default"] = new OpenApiResponse
        {
            Description = "A problem document says what is wrong and what to do.",
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [Problems.ContentType] = new OpenApiMediaType() },
        };
        return Task.CompletedTask;
    }

    /// <summary>The path of a file is read from the raw request, which the framework does not see.</summary>
    static void DescribePath(OpenApiOperation operation, Microsoft.AspNetCore.Mvc.ApiExplorer.ApiDescription description)
    {
        const string name = "path";
        operation.Parameters ??= [];
        if (description.RelativePath?.EndsWith($"{name}}}", StringComparison.Ordinal) is not true || operation.Parameters.Any(parameter => parameter.Name == name))
            return;
        operation.Parameters.Add(new OpenApiParameter
        {
            Name = name,
            In = ParameterLocation.Path,
            Required = true,
            Description = "Names, each percent-encoded, with '/' between them.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        });
        if (HttpMethods.IsPut(description.HttpMethod ?? ""))
            operation.RequestBody = new OpenApiRequestBody
            {
                Description = "The bytes of the file.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["application/octet-stream"] = new OpenApiMediaType() },
            };
    }
}
