# The server's image. The database is a service of its own (compose.yaml), so the embedded one stays out.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish FileServer -c Release -o /app -p:BringPostgres=false -p:CarryPostgres=false -p:UseAppHost=false

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# A volume takes the owner of the folder that it is mounted over.
RUN mkdir /data && chown 1654:1654 /data
WORKDIR /app
COPY --from=build /app .
ENV FILESHARE_DATA=/data ASPNETCORE_URLS=http://0.0.0.0:8080 ASPNETCORE_HTTP_PORTS= DOTNET_EnableDiagnostics=0
USER 1654:1654
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["dotnet", "FileServer.dll"]
