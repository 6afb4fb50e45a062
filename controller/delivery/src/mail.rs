//! Mail over SMTP.

use crate::config::{MailConfig, MailSecurity};
use crate::error::DeliveryError;
use crate::message::Mail;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::time::Duration;

/// How long one exchange with the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server and who we are to it.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

fn config(why: impl Into<String>) -> DeliveryError {
    DeliveryError::Config { section: "mail", why: why.into() }
}

impl Smtp {
    /// Reads files and checks the configuration; connects when there is something to send.
    pub(crate) fn new(settings: &MailConfig) -> Result<Smtp, DeliveryError> {
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|error| config(format!("from `{}` is no mail address: {error}", settings.from)))?;
        let local = matches!(settings.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let (tls, port) = match settings.security {
            MailSecurity::None if !local => {
                return Err(config("security = \"none\" is only for a server on this machine"));
            }
            MailSecurity::None => (Tls::None, 25),
            MailSecurity::Starttls => (Tls::Required(parameters(settings)?), 587),
            MailSecurity::Tls => (Tls::Wrapper(parameters(settings)?), 465),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let (Some(name), Some(file)) = (&settings.username, &settings.password_file) {
            let password = bo_runtime::config::secret("mail.password_file", file)
                .map_err(|error| config(error.to_string()))?;
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        Ok(Smtp { transport: builder.build(), from })
    }

    /// Sends one mail. `id` makes its `Message-ID`, so that one sent twice can be recognised.
    pub(crate) async fn send(&self, id: i64, mail: &Mail) -> Result<(), DeliveryError> {
        let message = compose(&self.from, id, mail)?;
        self.transport.send(message).await.map(drop).map_err(|source| DeliveryError::Smtp { source })
    }
}

fn parameters(settings: &MailConfig) -> Result<TlsParameters, DeliveryError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let wrong = |why: String| config(format!("ca_file {}: {why}", path.display()));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let ca = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(ca);
    }
    builder.build_rustls().map_err(|error| config(format!("TLS can't be set up: {error}")))
}

fn compose(from: &Mailbox, id: i64, mail: &Mail) -> Result<lettre::Message, DeliveryError> {
    let wrong = |what, why: String| DeliveryError::Compose { what, why };
    let to: Mailbox = mail.to.parse().map_err(|error| wrong("the address", format!("{error}")))?;
    let subject: String = mail.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let builder = lettre::Message::builder()
        .from(from.clone())
        .to(to)
        .subject(subject)
        .message_id(Some(format!("<delivery-{id}@{}>", from.email.domain())));
    let message = match &mail.html {
        None => {
            builder.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text.clone()))
        }
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(mail.text.clone(), html.clone())),
    };
    message.map_err(|error| wrong("the mail", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(security: MailSecurity, host: &str) -> MailConfig {
        MailConfig {
            host: host.into(),
            port: None,
            security,
            ca_file: None,
            username: None,
            password_file: None,
            from: "BackOffice <backoffice@example.org>".into(),
        }
    }

    #[test]
    fn mail_never_leaves_this_machine_unprotected() {
        assert!(Smtp::new(&settings(MailSecurity::None, "smtp.example.org")).is_err());
        assert!(Smtp::new(&settings(MailSecurity::None, "127.0.0.1")).is_ok());
    }

    #[test]
    fn a_line_break_in_a_subject_makes_no_header() {
        let from: Mailbox = "BackOffice <backoffice@example.org>".parse().unwrap();
        let mail = Mail::to("noor@example.org", "Hello\r\nBcc: all@example.org", "Text");
        let text = String::from_utf8(compose(&from, 7, &mail).unwrap().formatted()).unwrap();
        assert!(!text.contains("\r\nBcc:"), "{text}");
        assert!(text.contains("<delivery-7@example.org>"));
        assert!(compose(&from, 7, &Mail::to("no address", "x", "y")).is_err());
    }
}
